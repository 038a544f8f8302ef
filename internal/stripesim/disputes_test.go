package stripesim_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/stripe/stripe-go/v76"

	"example.com/triplecharge/internal/stripesim"
)

// Stripe makes a dispute a moment after the charge. The contract never waits, so it can't ask for
// one.
func TestADisputedChargeCanNotBeRefunded(t *testing.T) {
	t.Parallel()
	for card, want := range map[string]struct {
		reason stripe.DisputeReason
		status stripe.DisputeStatus
		net    int64 // on the balance
	}{
		"pm_card_createDispute": {"fraudulent", "needs_response", -2500},
		"pm_card_createDisputeProductNotReceived": {"product_not_received", "needs_response",
			-2500},
		"pm_card_createDisputeInquiry": {"fraudulent", "warning_needs_response", 0},
	} {
		t.Run(card, func(t *testing.T) {
			t.Parallel()
			w := setup(t, stripesim.Options{})
			a := w.api("server-a")
			i, err := a.intents.New(tenDollars(a.customer(t, card), ""))
			if err != nil || i.Status != stripe.PaymentIntentStatusSucceeded {
				t.Fatalf("got %+v, %v, want it to succeed first", i, err)
			}
			d := w.dispute(i)
			if d.Amount != 1000 || d.Reason != want.reason || d.Status != want.status ||
				d.Charge.ID != i.LatestCharge.ID || d.PaymentIntent.ID != i.ID ||
				d.IsChargeRefundable != (want.net == 0) {
				t.Errorf("the dispute is %+v", d)
			}
			c, err := a.charges.Get(i.LatestCharge.ID, nil)
			if err != nil || !c.Disputed || c.AmountRefunded != 0 {
				t.Errorf("the charge is %+v, %v, want it disputed", c, err)
			}
			net := int64(0)
			for _, tx := range d.BalanceTransactions {
				net += tx.Net
			}
			if net != want.net {
				t.Errorf("the dispute moved %d on the balance, want %d", net, want.net)
			}

			// Money that was withdrawn can't be given back a second time.
			_, err = a.refunds.New(&stripe.RefundParams{PaymentIntent: stripe.String(i.ID)})
			if want.net == 0 {
				if err != nil {
					t.Errorf("an inquiry keeps from a refund: %v", err)
				}
				return
			}
			wantProblem(t, err, invalid(stripe.ErrorCodeChargeDisputed, ""))
			w.wantRefunded(i, 0)
		})
	}
}

// Each way to take money can be disputed, and nothing else.
func TestWhatTookNoMoneyIsNotDisputed(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	a := w.api("server-a")
	manual := tenDollars(a.customer(t, "pm_card_createDispute"), "")
	manual.CaptureMethod = stripe.String("manual")
	i, err := a.intents.New(manual)
	if err != nil {
		t.Fatal(err)
	}
	old, err := a.charges.New(&stripe.ChargeParams{Amount: stripe.Int64(700),
		Currency: stripe.String("usd"), Capture: stripe.Bool(false),
		Source: &stripe.PaymentSourceSourceParams{Token: stripe.String("tok_createDispute")}})
	if err != nil {
		t.Fatal(err)
	}
	count := func() (n int) {
		for list := a.disputes.List(&stripe.DisputeListParams{}); list.Next(); {
			n++
		}
		return n
	}
	if n := count(); n != 0 {
		t.Errorf("%d disputes of what is only authorized", n)
	}
	if _, err := a.intents.Capture(i.ID, nil); err != nil {
		t.Error(err)
	}
	if n := count(); n != 1 {
		t.Errorf("%d disputes after a capture, want 1", n)
	}
	if _, err := a.charges.Capture(old.ID, nil); err != nil {
		t.Error(err)
	}
	if n := count(); n != 2 {
		t.Errorf("%d disputes after both captures, want 2", n)
	}
}

// dispute is the only one of a PaymentIntent, found by it, by its charge and by its id.
func (w *world) dispute(i *stripe.PaymentIntent) *stripe.Dispute {
	w.t.Helper()
	a := w.api("server-a")
	var found *stripe.Dispute
	for _, by := range []*stripe.DisputeListParams{
		{PaymentIntent: stripe.String(i.ID)}, {Charge: stripe.String(i.LatestCharge.ID)},
	} {
		list := a.disputes.List(by)
		if !list.Next() {
			w.t.Fatalf("%s has no dispute: %v", i.ID, list.Err())
		}
		found = list.Dispute()
		if list.Next() {
			w.t.Errorf("%s has another dispute: %+v", i.ID, list.Dispute())
		}
	}
	found, err := a.disputes.Get(found.ID, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, event := range []string{"charge.dispute.created", "charge.dispute.funds_withdrawn"} {
		n := 0
		list := a.events.List(&stripe.EventListParams{Type: stripe.String(event)})
		for list.Next() {
			n++
		}
		inquiry := found.Status == "warning_needs_response" && event != "charge.dispute.created"
		if want := map[bool]int{true: 0, false: 1}[inquiry]; n != want {
			w.t.Errorf("%d events %s, want %d", n, event, want)
		}
	}
	return found
}

func TestAnUpdatesEventHasTheOldValues(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	who := w.api("server-a").customer(t, "pm_card_visa")
	path := "/v1/customers/" + who.customer
	w.send("server-a", "POST", path, nil, "metadata[plan]", "a", "metadata[team]", "x",
		"address[city]", "Berlin", "preferred_locales[]", "en")
	w.send("server-a", "POST", path, nil, "metadata[plan]", "b", "metadata[owner]", "y",
		"metadata[team]", "", "name", "Bob", "address[city]", "Bonn", "preferred_locales[]", "de")
	w.send("server-a", "POST", path, nil, "name", "Bob") // changes nothing
	var list struct {
		Data []struct {
			Data struct {
				Previous map[string]any `json:"previous_attributes"`
			}
		}
	}
	events := w.send("server-a", "GET", "/v1/events", nil, "type", "customer.updated")
	if err := json.Unmarshal([]byte(events.body), &list); err != nil || len(list.Data) != 2 {
		t.Fatalf("%d events, want 2, %v: %s", len(list.Data), err, events.body)
	}
	want := map[string]any{
		"name": "Alice", "address": map[string]any{"city": "Berlin"},
		"metadata":          map[string]any{"plan": "a", "owner": nil, "team": "x"},
		"preferred_locales": []any{"en"},
	}
	if got := list.Data[0].Data.Previous; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
