package stripecharge_test

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/paymentintent"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/stripesim/control"
)

func TestClientIsIntents(t *testing.T) {
	t.Parallel()
	billingtest.Intents(t, func(t *testing.T) billingtest.Stripe {
		w := setup(t)
		return w.forSuites(w.patientClient("server-a"))
	})
}

func TestIntentsAreLikeThoseInMemory(t *testing.T) {
	t.Parallel()
	w := setup(t)
	billingtest.LikeMemoryStripe(t, w.forSuites(w.client("server-a")))
}

// forSuites returns the simulator for the suites, with a client of server-a.
func (w *world) forSuites(c *stripecharge.Client) billingtest.Stripe {
	w.t.Helper()
	saved := alice("pm_card_chargeCustomerFail")
	saved.ID, saved.Customer = "mallory", "Mallory"
	declining := w.save(saved)
	saved.Customer, saved.PaymentMethod = declining.Subscription.Customer, "pm_card_visa"
	var rules []*control.Handle
	rule := func(h *control.Handle, err error) {
		must(w.t, err)
		rules = append(rules, h)
	}
	return billingtest.Stripe{
		Charger:     c,
		Intents:     c,
		Payable:     w.invoice("pm_card_visa"),
		Declining:   declining,
		Fixed:       w.save(saved),
		Charges:     w.chargesOf,
		LoseReplies: func() { rule(w.control.Lose(w.t.Context(), control.Rule{})) },
		Fail: func(done bool) {
			when := control.BeforeCommit
			if done {
				when = control.AfterCommit
			}
			rule(w.control.Fail(w.t.Context(), control.Rule{},
				http.StatusInternalServerError, when))
		},
		Repair: func() {
			for _, h := range rules {
				must(w.t, h.Remove(w.t.Context()))
			}
			rules = nil
		},
		ForgetKeys: func() { must(w.t, w.control.Advance(w.t.Context(), 24*time.Hour)) },
		Refuse: func() {
			c.Close() // a request on a connection that is kept may have got through
			w.stripe.Server("server-a").Close()
		},
	}
}

func TestPrepareMakesAPaymentIntentThatCannotTakeMoney(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := billing.Request{Invoice: w.invoice("pm_card_visa"), Key: "alice/2026-12/1"}
	var ids []string
	for _, server := range []string{"server-a", "server-b"} {
		i, err := w.client(server).Prepare(t.Context(), r)
		must(t, err)
		ids = append(ids, i.ID)
	}
	if ids[0] == "" || ids[0] != ids[1] {
		t.Errorf("got %q under one key, want one PaymentIntent", ids)
	}
	w.log.wantAttempts(t, 2)
	want := url.Values{
		"amount":                  {"1000"},
		"currency":                {"usd"},
		"customer":                {r.Invoice.Subscription.Customer},
		"payment_method_types[0]": {"card"},
		"metadata[subscription]":  {"alice"},
		"metadata[period]":        {"2026-12"},
		"metadata[claim]":         {r.Key},
	}
	if form := w.log.all()[0].form(t); !maps.EqualFunc(form, want, slices.Equal) {
		t.Errorf("got %v\nwant %v", form, want)
	}
	w.wantCharges(0)
}

func TestConfirmAtOnceTakesTheMoneyOnce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	inv := w.invoice("pm_card_visa")
	id := w.prepare(inv)
	gate, err := w.control.Hold(t.Context(), control.Rule{
		Point: control.Executing, Server: "server-a",
	})
	must(t, err)
	var both sync.WaitGroup
	for _, server := range []string{"server-a", "server-b"} {
		c := w.patientClient(server)
		asking := lease{ask: func(asked int) error {
			if server == "server-b" && asked > 1 { // it met a's
				return gate.Remove(t.Context())
			}
			return nil
		}}
		both.Go(func() {
			got, err := c.Confirm(t.Context(), id,
				billing.Request{Invoice: inv, Key: server, Valid: asking.valid})
			if err != nil || got.PaymentIntent != id {
				t.Errorf("%s got %+v, %v; want the charge %s", server, got, err, id)
			}
		})
		if server == "server-a" {
			waitAt(t, gate)
		}
	}
	both.Wait()
	w.wantCharges(1)
}

func TestADeclinedPaymentIntentTakesAnotherCard(t *testing.T) {
	t.Parallel()
	w := setup(t)
	inv := w.invoice("pm_card_chargeCustomerFail")
	c := w.client("server-a")
	id := w.prepare(inv)
	var asking lease
	_, err := c.Confirm(t.Context(), id,
		billing.Request{Invoice: inv, Key: "1/confirm", Valid: asking.valid})
	wantOutcome(t, err, billing.ErrDeclined)
	if asking.asked != 1 {
		t.Errorf("tried %d times, want 1", asking.asked)
	}
	w.wantCharges(0)

	inv.Subscription, err = c.SetUp(t.Context(), billing.Subscription{
		ID: "alice", Customer: inv.Subscription.Customer, PaymentMethod: "pm_card_visa",
		AmountMinor: 1000, Currency: "usd",
	})
	must(t, err)
	charge, err := c.Confirm(t.Context(), id, billing.Request{Invoice: inv, Key: "2/confirm"})
	must(t, err)
	if charge.PaymentIntent != id {
		t.Errorf("got %+v, want the same PaymentIntent %s", charge, id)
	}
	w.wantCharges(1)
}

func TestACanceledPaymentIntentTakesNothing(t *testing.T) {
	t.Parallel()
	w := setup(t)
	inv := w.invoice("pm_card_visa")
	id := w.prepare(inv)
	plain := paymentintent.Client{Key: stripecharge.SimulatorKey,
		B: stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
			URL:           stripe.String(w.stripe.URL("server-a")),
			LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
		})}
	_, err := plain.Cancel(id, nil)
	must(t, err)
	_, err = w.client("server-a").Confirm(t.Context(), id,
		billing.Request{Invoice: inv, Key: "1/confirm"})
	wantOutcome(t, err, billing.ErrCanceled)
	w.wantCharges(0)
}

func TestNeitherStepStartsWithoutAValidLease(t *testing.T) {
	t.Parallel()
	w := setup(t)
	inv := w.invoice("pm_card_visa")
	id := w.prepare(inv)
	w.log.forget()
	r := billing.Request{
		Invoice: inv, Key: "k", Valid: func() error { return billing.ErrLeaseLost },
	}
	_, preparing := w.client("server-a").Prepare(t.Context(), r)
	_, confirming := w.client("server-a").Confirm(t.Context(), id, r)
	for _, err := range []error{preparing, confirming} {
		wantOutcome(t, err, billing.ErrNotSent)
		if !errors.Is(err, billing.ErrLeaseLost) {
			t.Errorf("got %v, want it to say that the lease is lost", err)
		}
	}
	w.log.wantAttempts(t, 0)
	w.wantCharges(0)
}

// Without a key of its own, each attempt to prepare would leave a PaymentIntent behind.
func TestIntentsMakeUpAKeyForEachCall(t *testing.T) {
	t.Parallel()
	w := setup(t)
	inv := w.invoice("pm_card_visa")
	id := w.prepare(inv)
	_, err := w.control.Lose(t.Context(), control.Rule{})
	must(t, err)
	keys := map[string]bool{}
	for name, send := range map[string]func() error{
		"Prepare": func() error {
			_, err := w.client("server-a").Prepare(t.Context(), billing.Request{Invoice: inv})
			return err
		},
		"Confirm": func() error {
			_, err := w.client("server-a").Confirm(t.Context(), id, billing.Request{Invoice: inv})
			return err
		},
	} {
		for range 2 {
			w.log.forget()
			wantOutcome(t, send(), billing.ErrUnknown)
			w.log.wantAttempts(t, 6)
			key := w.log.all()[0].Key
			if key == "" || keys[key] {
				t.Errorf("%s sent the key %q, want one of its own", name, key)
			}
			keys[key] = true
		}
	}
	w.wantCharges(1)
}

// What is registered for an invoice must be a PaymentIntent.
func TestPrepareTakesNoAnswerThatIsNoPaymentIntent(t *testing.T) {
	t.Parallel()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{}`))
	}))
	t.Cleanup(proxy.Close)
	_, err := hurriedClient(t, stripecharge.Options{URL: proxy.URL}).Prepare(t.Context(),
		billing.Request{Invoice: unknownInvoice(t), Key: "k"})
	wantOutcome(t, err, billing.ErrUnknown)
}

// prepare is a PaymentIntent for the invoice.
func (w *world) prepare(inv billing.Invoice) string {
	w.t.Helper()
	i, err := w.client("server-a").Prepare(w.t.Context(),
		billing.Request{Invoice: inv, Key: inv.String() + "/1"})
	must(w.t, err)
	return i.ID
}

// save has a subscription's card saved at Stripe, and returns its invoice for December.
func (w *world) save(s billing.Subscription) billing.Invoice {
	w.t.Helper()
	saved, err := w.client("server-a").SetUp(w.t.Context(), s)
	must(w.t, err)
	return billing.Invoice{Subscription: saved, Period: december(w.t)}
}

// chargesOf counts the charges of one invoice.
func (w *world) chargesOf(inv billing.Invoice) (n int) {
	w.t.Helper()
	for _, c := range w.charges() {
		if c.Subscription == inv.Subscription.ID && c.Period == inv.Period.String() {
			n++
		}
	}
	return n
}
