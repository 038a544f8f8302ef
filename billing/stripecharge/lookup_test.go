package stripecharge_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/stripesim/control"
	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/paymentintent"
	"github.com/stripe/stripe-go/v76/refund"
)

// dashboard is what a person does at Stripe by hand.
func (w *world) dashboard() stripe.Backend {
	return stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
		URL: stripe.String(w.stripe.URL("server-b")), MaxNetworkRetries: stripe.Int64(0),
		LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
	})
}

func (w *world) refundByHand(intent string, amountMinor int64) *stripe.Refund {
	w.t.Helper()
	r, err := refund.Client{B: w.dashboard(), Key: stripecharge.SimulatorKey}.New(
		&stripe.RefundParams{
			PaymentIntent: stripe.String(intent), Amount: stripe.Int64(amountMinor),
		})
	must(w.t, err)
	return r
}

// charge makes a charge that succeeds.
func (w *world) charge(c *stripecharge.Client, inv billing.Invoice) string {
	w.t.Helper()
	charge, err := c.Charge(w.t.Context(), billing.Request{Invoice: inv})
	must(w.t, err)
	return charge.PaymentIntent
}

func (w *world) untried(c *stripecharge.Client, inv billing.Invoice, key string) string {
	w.t.Helper()
	intent, err := c.Prepare(w.t.Context(), billing.Request{Invoice: inv, Key: key})
	must(w.t, err)
	return intent.ID
}

// time0 is before anything a test does.
var time0 = time.Unix(0, 0)

func allIntents(
	t *testing.T, c *stripecharge.Client, since, until time.Time,
) (all []stripecharge.Intent) {
	t.Helper()
	for i, err := range c.AllIntents(t.Context(), since, until) {
		must(t, err)
		all = append(all, i)
	}
	return all
}

func TestIntentsAreReadInEveryState(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.client("server-a")
	good, bad := w.invoice("pm_card_visa"), w.invoice("pm_card_visa")
	bad.Subscription.PaymentMethod = "pm_card_chargeCustomerFail"

	states := map[string]stripecharge.State{}
	states[w.charge(c, good)] = stripecharge.Succeeded
	states[w.untried(c, good, "untried")] = stripecharge.Untried
	declined := w.untried(c, good, "declined")
	states[declined] = stripecharge.Declined
	_, err := c.Confirm(t.Context(), declined, billing.Request{Invoice: bad, Key: "confirm"})
	wantOutcome(t, err, billing.ErrDeclined)
	canceled := w.untried(c, good, "canceled")
	states[canceled] = stripecharge.Canceled
	_, err = c.Cancel(t.Context(), canceled, billing.Request{})
	wantOutcome(t, err, billing.ErrCanceled)
	byHand, err := paymentintent.Client{B: w.dashboard(), Key: stripecharge.SimulatorKey}.New(
		&stripe.PaymentIntentParams{
			Amount: stripe.Int64(1000), Currency: stripe.String("usd"),
			PaymentMethod: stripe.String("pm_card_visa"),
		})
	must(t, err)
	states[byHand.ID] = stripecharge.Open

	all := allIntents(t, c, time0, time.Time{})
	if len(all) != len(states) {
		t.Errorf("got %d, want %d", len(all), len(states))
	}
	for _, i := range all {
		want := stripecharge.Intent{
			ID: i.ID, Subscription: "alice", Period: "2026-12",
			Customer: good.Subscription.Customer,
			State:    states[i.ID], Currency: "usd", Created: i.Created,
		}
		switch {
		case i.ID == byHand.ID:
			want.Subscription, want.Period, want.Customer = "", "", ""
		case want.State == stripecharge.Succeeded:
			want.AmountMinor, want.RemainingMinor = 1000, 1000
		}
		wantIntent(t, i, want)
		if time.Since(i.Created).Abs() > time.Hour {
			t.Errorf("%s was created at %v, want just now", i.ID, i.Created)
		}
		one, err := c.Intent(t.Context(), i.ID)
		must(t, err)
		wantIntent(t, one, want)
	}
	w.wantCharges(1)
}

func wantIntent(t *testing.T, got, want stripecharge.Intent) {
	t.Helper()
	same := slices.Equal(got.Refunds, want.Refunds)
	got.Refunds, want.Refunds = nil, nil
	if !same || got.State != want.State || !got.Created.Equal(want.Created) ||
		got.ID != want.ID || got.Subscription != want.Subscription || got.Period != want.Period ||
		got.Customer != want.Customer || got.AmountMinor != want.AmountMinor ||
		got.RemainingMinor != want.RemainingMinor || got.Currency != want.Currency {
		t.Errorf("got %+v, want %+v, refunds alike: %t", got, want, same)
	}
}

// Stripe puts no more than ten refunds into a charge.
func TestAllRefundsOfACharge(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.client("server-a")
	intent := w.charge(c, w.invoice("pm_card_visa"))
	var want []stripecharge.Refund
	for n := range 12 {
		r := w.refundByHand(intent, 10)
		want = append(want, stripecharge.Refund{
			ID: r.ID, AmountMinor: 10, State: stripecharge.RefundSucceeded,
		})
		if n != 0 && n != 9 && n != 10 && n != 11 {
			continue
		}
		listed := allIntents(t, c, time0, time.Time{})
		one, err := c.Intent(t.Context(), intent)
		must(t, err)
		for _, got := range []stripecharge.Intent{listed[0], one} {
			if !slices.Equal(got.Refunds, want) {
				t.Errorf("got the refunds %v, want %v", got.Refunds, want)
			}
			if left := 1000 - int64(len(want))*10; got.RemainingMinor != left {
				t.Errorf("%d are left, want %d", got.RemainingMinor, left)
			}
		}
	}
}

func intentIDs(intents []stripecharge.Intent) (ids []string) {
	for _, i := range intents {
		ids = append(ids, i.ID)
	}
	return ids
}

// flaky answers every second request itself.
type flaky struct {
	http.Handler
	answer http.HandlerFunc
	asked  atomic.Int64
}

func (f *flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.asked.Add(1)%2 == 1 {
		f.answer(w, r)
		return
	}
	f.Handler.ServeHTTP(w, r)
}

// stripeError is an answer that Stripe gives.
func stripeError(status int, code string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"error":{"type":"invalid_request_error","code":"` + code + `"}}`))
	}
}

func TestWhatNobodyCanReadIsAnError(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	unauthorized := httptest.NewServer(stripeError(http.StatusUnauthorized, ""))
	t.Cleanup(unauthorized.Close)
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, tt := range map[string]struct {
		ctx context.Context
		url string
	}{
		"the context has ended": {ended, w.stripe.URL("server-a")},
		"a 401":                 {t.Context(), unauthorized.URL},
		"nobody is there":       {t.Context(), gone.URL},
	} {
		c := hurriedClient(t, stripecharge.Options{URL: tt.url})
		var errs []error
		for i, err := range c.AllIntents(tt.ctx, time0, time.Time{}) {
			if err == nil {
				t.Errorf("%s: got %+v", name, i)
			}
			errs = append(errs, err)
		}
		if len(errs) != 1 || errs[0] == nil {
			t.Errorf("%s: got the errors %v, want one", name, errs)
		}
		_, err := c.Intent(tt.ctx, "pi_1")
		if err == nil || errors.Is(err, stripecharge.ErrNoIntent) {
			t.Errorf("%s: got %v, want an error that doesn't say that there is none", name, err)
		}
	}
	_, err := w.client("server-a").Intent(t.Context(), "pi_none")
	if !errors.Is(err, stripecharge.ErrNoIntent) {
		t.Errorf("got %v, want ErrNoIntent", err)
	}
}

func TestAnIntentThatIsBeingConfirmedIsNotInert(t *testing.T) {
	t.Parallel()
	w := setup(t)
	inv := w.invoice("pm_card_visa")
	gate, err := w.control.Hold(t.Context(), control.Rule{Point: control.Executing})
	must(t, err)
	charged := make(chan error, 1)
	c := w.client("server-a")
	go func() {
		_, err := c.Charge(t.Context(), billing.Request{Invoice: inv})
		charged <- err
	}()
	waitAt(t, gate)
	for _, i := range allIntents(t, c, time0, time.Time{}) {
		if i.State != stripecharge.Open {
			t.Errorf("%+v, want it open", i)
		}
	}
	must(t, gate.Remove(t.Context()))
	must(t, <-charged)
}

// By its version, Stripe counts what was authorized and not captured as refunded, or does not.
func TestWhatWasNeverCapturedWasNotGivenBack(t *testing.T) {
	t.Parallel()
	refunded := func(amount int, status string) string {
		return fmt.Sprintf(`{"id":"re_1","amount":%d,"status":%q}`, amount, status)
	}
	for name, tt := range map[string]struct {
		refunded int64  // amount_refunded
		refunds  string // in the charge
		want     int64
	}{
		"as now":                    {0, ``, 5000},
		"as it was":                 {1500, ``, 5000},
		"as now, then refunded":     {2000, refunded(2000, "succeeded"), 3000},
		"as it was, then refunded":  {3500, refunded(2000, "succeeded"), 3000},
		"as now, refunded whole":    {5000, refunded(5000, "succeeded"), 0},
		"as it was, refunded whole": {6500, refunded(5000, "succeeded"), 0},
		"as now, not refunded":      {0, refunded(1500, "failed"), 5000},
		"as now, a refund pending":  {1500, refunded(1500, "pending"), 3500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(
				func(w http.ResponseWriter, _ *http.Request) {
					fmt.Fprintf(w, `{"id":"pi_1","status":"succeeded","amount":6500,
						"amount_received":5000,"latest_charge":{"id":"ch_1","amount":6500,
						"amount_captured":5000,"amount_refunded":%d,"refunds":{"data":[%s]}}}`,
						tt.refunded, tt.refunds)
				}))
			t.Cleanup(server.Close)
			c, err := stripecharge.New(stripecharge.Options{
				Key: stripecharge.SimulatorKey, URL: server.URL,
			})
			must(t, err)
			got, err := c.Intent(t.Context(), "pi_1")
			must(t, err)
			if got.AmountMinor != 5000 || got.RemainingMinor != tt.want {
				t.Errorf("%d of %d is left, want %d of 5000", got.RemainingMinor,
					got.AmountMinor, tt.want)
			}
		})
	}
}
