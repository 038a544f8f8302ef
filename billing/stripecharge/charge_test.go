package stripecharge_test

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/stripesim/control"
)

func TestChargeSendsTheInvoiceAndNothingOfTheServer(t *testing.T) {
	t.Parallel()
	w := setup(t)
	inv := w.invoice("pm_card_visa")
	for _, server := range []string{"server-a", "server-b"} {
		_, err := w.client(server).Charge(t.Context(), billing.Request{Invoice: inv, Key: server})
		must(t, err)
	}
	got := w.log.all()
	if len(got) != 2 {
		t.Fatalf("got %d requests, want one of each server", len(got))
	}
	if got[0].Body != got[1].Body {
		t.Errorf("two servers sent\n%s\n%s\nwant the same bytes", got[0].Body, got[1].Body)
	}
	if got[0].Method != "POST" || got[0].Path != "/v1/payment_intents" || got[0].Key != "server-a" {
		t.Errorf("got %+v, want the creation of a PaymentIntent under the key server-a", got[0])
	}
	want := url.Values{
		"amount":                  {"1000"},
		"currency":                {"usd"},
		"customer":                {inv.Subscription.Customer},
		"payment_method":          {inv.Subscription.PaymentMethod},
		"payment_method_types[0]": {"card"},
		"confirm":                 {"true"},
		"off_session":             {"true"},
		"metadata[subscription]":  {"alice"},
		"metadata[period]":        {"2026-12"},
	}
	if form := got[0].form(t); !maps.EqualFunc(form, want, slices.Equal) {
		t.Errorf("got %v\nwant %v", form, want)
	}
	w.wantCharges(2)
}

// Two ledgers may have an Alice each, and Stripe must not take one's request for the other's.
func TestALedgersIDIsInItsKeysAndMetadata(t *testing.T) {
	t.Parallel()
	w := setup(t)
	inv := w.invoice("pm_card_visa")
	var intents []string
	for _, id := range []string{"led_a", "led_b"} {
		c := w.client("server-a").ForLedger(id)
		r := billing.Request{Invoice: inv, Key: inv.String()}
		charge, err := c.Charge(t.Context(), r)
		must(t, err)
		r.Key += "/1"
		prepared, err := c.Prepare(t.Context(), r)
		must(t, err)
		r.Key += "/confirm"
		_, err = c.Confirm(t.Context(), prepared.ID, r)
		must(t, err)
		_, err = c.SetUp(t.Context(), alice("pm_card_visa"))
		must(t, err)
		intents = append(intents, charge.PaymentIntent, prepared.ID)

		for _, key := range []string{"", "/1", "/1/confirm"} {
			if !slices.ContainsFunc(w.log.all(), func(r request) bool {
				return r.Key == id+"/alice/2026-12"+key
			}) {
				t.Errorf("sent %+v, want the key %s/alice/2026-12%s", w.log.all(), id, key)
			}
		}
		for _, r := range w.log.all() {
			if !strings.HasPrefix(r.Key, id+"/") {
				t.Errorf("sent %+v, want a key that begins with %s", r, id)
			}
		}
		for _, intent := range []string{charge.PaymentIntent, prepared.ID} {
			if i, err := c.Intent(t.Context(), intent); err != nil || i.Ledger != id {
				t.Errorf("got %+v, %v, want it to be %s's", i, err, id)
			}
		}
		w.log.forget()
	}
	w.wantCharges(4)
	if slices.Sort(intents); len(slices.Compact(intents)) != 4 {
		t.Errorf("got %v, want four PaymentIntents", intents)
	}
}

func TestChargeSaysWhatStripeTook(t *testing.T) {
	t.Parallel()
	w := setup(t)
	inv := w.invoice("pm_card_visa")
	got, err := w.client("server-a").Charge(t.Context(), billing.Request{Invoice: inv})
	must(t, err)
	taken := w.charges()
	if len(taken) != 1 {
		t.Fatalf("Stripe has %d charges, want 1", len(taken))
	}
	want := billing.Charge{
		Invoice: inv, PaymentIntent: taken[0].PaymentIntent,
		AmountMinor: taken[0].AmountMinor, Currency: taken[0].Currency,
	}
	if got != want || got.AmountMinor != 1000 || got.Currency != "usd" {
		t.Errorf("got %+v, want %+v: $10", got, want)
	}
}

// Each server's call without a key gets another: what stripe-go does, and why it stops no server.
func TestChargeMakesUpAKeyForEachCall(t *testing.T) {
	t.Parallel()
	w := setup(t)
	inv := w.invoice("pm_card_visa")
	c := w.client("server-a")
	for range 2 {
		_, err := c.Charge(t.Context(), billing.Request{Invoice: inv})
		must(t, err)
	}
	got := w.log.all()
	if len(got) != 2 || got[0].Key == "" || got[1].Key == "" || got[0].Key == got[1].Key {
		t.Errorf("got %+v, want two keys", got)
	}
	w.wantCharges(2)
}

func TestChargeKeepsItsKeyThroughAllAttempts(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", "alice/2026-12"} {
		t.Run("key="+key, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			inv := w.invoice("pm_card_visa")
			lost, err := w.control.Lose(t.Context(), control.Rule{})
			must(t, err)
			// The first attempt's reply is lost; the third one's is found.
			asking := lease{ask: func(asked int) error {
				if asked == 3 {
					return lost.Remove(t.Context())
				}
				return nil
			}}
			c, err := w.client("server-a").Charge(t.Context(),
				billing.Request{Invoice: inv, Key: key, Valid: asking.valid})
			must(t, err)
			w.log.wantAttempts(t, 3)
			if got := w.log.all()[0].Key; got == "" || key != "" && got != key {
				t.Errorf("sent the key %q, want %q", got, key)
			}
			taken := w.charges()
			if len(taken) != 1 || taken[0].PaymentIntent != c.PaymentIntent {
				t.Errorf("got %+v; Stripe has %+v, want that one charge", c, taken)
			}
		})
	}
}

// While a's request executes, b gets a 409 for the same key; asked again, Stripe replays a's.
func TestChargeWaitsForARequestUnderTheSameKey(t *testing.T) {
	t.Parallel()
	w := setup(t)
	inv := w.invoice("pm_card_visa")
	gate, err := w.control.Hold(t.Context(), control.Rule{
		Point: control.Executing, Server: "server-a",
	})
	must(t, err)
	type answer struct {
		charge billing.Charge
		err    error
	}
	a := make(chan answer, 1)
	serverA := w.client("server-a")
	go func() {
		c, err := serverA.Charge(t.Context(), billing.Request{Invoice: inv, Key: "k"})
		a <- answer{c, err}
	}()
	waitAt(t, gate)

	asking := lease{ask: func(asked int) error {
		if asked < 3 {
			return nil
		}
		return gate.Remove(t.Context())
	}}
	b, err := w.patientClient("server-b").Charge(t.Context(),
		billing.Request{Invoice: inv, Key: "k", Valid: asking.valid})
	must(t, err)
	first := <-a
	must(t, first.err)
	if b != first.charge {
		t.Errorf("b got %+v, want a's %+v", b, first.charge)
	}
	if asking.asked < 3 {
		t.Errorf("b tried %d times, want more than the two that met a's request", asking.asked)
	}
	w.log.wantAttempts(t, asking.asked+1)
	w.wantCharges(1)
}
