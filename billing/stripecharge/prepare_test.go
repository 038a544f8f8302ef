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

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/paymentintent"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/stripesim/control"
)

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
