package stripesim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76"

	"example.com/triplecharge/internal/stripesim"
)

func TestARefundThatTheBankFailsLaterGivesTheAmountBack(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	a := w.api("server-a")
	i, err := a.intents.New(tenDollars(a.customer(t, "pm_card_refundFail"), ""))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r, err := a.refunds.New(&stripe.RefundParams{PaymentIntent: stripe.String(i.ID)})
		if err != nil || r.Status != stripe.RefundStatusSucceeded {
			t.Fatalf("got %+v, %v, want it succeeded at first", r, err)
		}
		w.wantRefunded(i, 1000)
		w.advance(time.Hour)
		r, err = a.refunds.Get(r.ID, nil)
		if err != nil || r.Status != stripe.RefundStatusFailed || r.FailureReason == "" ||
			r.FailureBalanceTransaction == nil {
			t.Errorf("got %+v, %v, want it failed, with a reason and a transaction", r, err)
		}
		w.wantRefunded(i, 0)
	}
	updated := w.send("server-a", "GET", "/v1/events", nil, "type", "refund.updated")
	if !strings.Contains(updated.body, `"status": "succeeded"`) {
		t.Errorf("no event has the status before: %s", updated.body)
	}
	events := w.send("server-a", "GET", "/v1/events", nil, "type", "refund.failed")
	if n := strings.Count(events.body, `"type": "refund.failed"`); n != 2 {
		t.Errorf("%d events of a failed refund, want 2", n)
	}
}

func TestAPendingRefundSettlesUnlessItIsCanceled(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	a := w.api("server-a")
	i, err := a.intents.New(tenDollars(a.customer(t, "pm_card_pendingRefund"), ""))
	if err != nil {
		t.Fatal(err)
	}
	refund := func() string {
		r, err := a.refunds.New(&stripe.RefundParams{PaymentIntent: stripe.String(i.ID)})
		if err != nil || r.Status != stripe.RefundStatusPending {
			t.Fatalf("got %+v, %v, want it pending", r, err)
		}
		return r.ID
	}
	first := refund()
	if r, err := a.refunds.Cancel(first, nil); err != nil ||
		r.Status != stripe.RefundStatusCanceled {
		t.Errorf("got %+v, %v, want it canceled", r, err)
	}
	w.wantRefunded(i, 0)
	second := refund()
	w.advance(time.Hour)
	for id, want := range map[string]stripe.RefundStatus{
		first: stripe.RefundStatusCanceled, second: stripe.RefundStatusSucceeded,
	} {
		if r, err := a.refunds.Get(id, nil); err != nil || r.Status != want {
			t.Errorf("got %+v, %v, want it %s", r, err, want)
		}
	}
	w.wantRefunded(i, 1000)
	_, err = a.refunds.Cancel(second, nil)
	wantProblem(t, err, invalid("", ""))
}

func TestAnAuthorizationEndsAfterSevenDays(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	a := w.api("server-a")
	params := tenDollars(a.customer(t, "pm_card_visa"), "")
	params.CaptureMethod = stripe.String("manual")
	i, err := a.intents.New(params)
	if err != nil {
		t.Fatal(err)
	}
	w.advance(8 * 24 * time.Hour)
	_, err = a.intents.Capture(i.ID, nil)
	wantProblem(t, err, invalid(stripe.ErrorCodePaymentIntentUnexpectedState, ""))
	i, err = a.intents.Get(i.ID, nil)
	if err != nil || i.Status != stripe.PaymentIntentStatusCanceled ||
		i.CancellationReason != stripe.PaymentIntentCancellationReasonAutomatic {
		t.Errorf("got %+v, %v, want it canceled by itself", i, err)
	}
	if n := w.charges(); n != 0 {
		t.Errorf("%d charges, want none", n)
	}
}

// wantRefunded checks how much of a PaymentIntent's charge is refunded.
func (w *world) wantRefunded(i *stripe.PaymentIntent, want int64) {
	w.t.Helper()
	c, err := w.api("server-a").charges.Get(i.LatestCharge.ID, nil)
	if err != nil || c.AmountRefunded != want || c.Refunded != (want == c.Amount) {
		w.t.Errorf("the charge is %+v, %v, want %d refunded", c, err, want)
	}
}

func (w *world) advance(d time.Duration) {
	w.t.Helper()
	if err := w.control.Advance(w.t.Context(), d); err != nil {
		w.t.Fatal(err)
	}
}
