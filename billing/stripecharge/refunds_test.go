package stripecharge_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/stripesim/control"
)

// wantLeft wants so much left of a charge, and so many refunds that succeeded.
func (w *world) wantLeft(intent string, leftMinor int64, refunds int) {
	w.t.Helper()
	i, err := w.client("server-b").Intent(w.t.Context(), intent)
	must(w.t, err)
	n := 0
	for _, r := range i.Refunds {
		if r.State == stripecharge.RefundSucceeded {
			n++
		}
	}
	if i.RemainingMinor != leftMinor || n != refunds {
		w.t.Errorf("%+v; want %d left after %d refunds", i, leftMinor, refunds)
	}
}

func TestARefundGivesBackWhatIsLeft(t *testing.T) {
	t.Parallel()
	for _, byHand := range []int64{0, 400} {
		w := setup(t)
		c := w.client("server-a")
		intent := w.charge(c, w.invoice("pm_card_visa"))
		refunds := 1
		if byHand > 0 {
			w.refundByHand(intent, byHand)
			refunds++
		}
		r, err := c.Refund(t.Context(), intent)
		must(t, err)
		if r.ID == "" || r.AmountMinor != 1000-byHand || r.State != stripecharge.RefundSucceeded {
			t.Errorf("got %+v, want %d given back", r, 1000-byHand)
		}
		w.wantLeft(intent, 0, refunds)
	}
}

func TestARefundIsMadeOnceHoweverOftenItIsAskedFor(t *testing.T) {
	t.Parallel()
	w := setup(t)
	intent := w.charge(w.client("server-a"), w.invoice("pm_card_visa"))
	w.log.forget()
	var group errgroup.Group
	for range 4 {
		for _, server := range []string{"server-a", "server-b"} {
			c := w.patientClient(server)
			group.Go(func() error {
				_, err := c.Refund(t.Context(), intent)
				return err
			})
		}
	}
	must(t, group.Wait())
	w.wantLeft(intent, 0, 1)
	for _, r := range w.log.all() {
		if r.Method == "POST" && r.Key != "refund/"+intent {
			t.Errorf("sent %+v under another key", r)
		}
	}

	// Stripe forgets the key; the charge has nothing left all the same.
	must(t, w.control.Advance(t.Context(), 25*time.Hour))
	_, err := w.client("server-a").Refund(t.Context(), intent)
	if !errors.Is(err, stripecharge.ErrNothingLeft) {
		t.Errorf("got %v, want ErrNothingLeft", err)
	}
	w.wantLeft(intent, 0, 1)
}

func TestARefundWhoseReplyWasLostIsAskedForAgain(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.client("server-a")
	intent := w.charge(c, w.invoice("pm_card_visa"))
	lost, err := w.control.Lose(t.Context(), control.Rule{Path: "/v1/refunds"})
	must(t, err)
	if _, err := c.Refund(t.Context(), intent); err == nil {
		t.Error("got no error from replies that were lost")
	}
	must(t, lost.Remove(t.Context()))
	r, err := c.Refund(t.Context(), intent)
	if err != nil || r.AmountMinor != 1000 {
		t.Errorf("got %+v, %v, want the refund that was made", r, err)
	}
	w.wantLeft(intent, 0, 1)
}

func TestARefundThatStripeAnswers500IsNotRepeated(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.client("server-a")
	intent := w.charge(c, w.invoice("pm_card_visa"))
	rule := control.Rule{Path: "/v1/refunds"}
	_, err := w.control.Fail(t.Context(), rule, 500, control.AfterCommit)
	must(t, err)
	w.log.forget()
	if _, err = c.Refund(t.Context(), intent); err == nil {
		t.Error("got no error from a 500")
	}
	w.log.wantAttempts(t, 1)
	w.wantLeft(intent, 0, 1)
}

func TestARefundThatTheBankDecidesLater(t *testing.T) {
	t.Parallel()
	for card, c := range map[string]struct {
		first          stripecharge.RefundState
		refunds, later int
		left           int64 // later
	}{
		"pm_card_refundFail":    {stripecharge.RefundSucceeded, 1, 0, 1000},
		"pm_card_pendingRefund": {stripecharge.RefundPending, 0, 1, 0},
	} {
		w := setup(t)
		client := w.client("server-a")
		intent := w.charge(client, w.invoice(card))
		r, err := client.Refund(t.Context(), intent)
		if err != nil || r.State != c.first {
			t.Errorf("%s: got %+v, %v, want it %s", card, r, err, c.first)
		}
		w.wantLeft(intent, 0, c.refunds)
		must(t, w.control.Advance(t.Context(), time.Hour))
		w.wantLeft(intent, c.left, c.later)
	}
}

func TestARefundBegunIsFinishedWhenTheContextEnds(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.client("server-a")
	intent := w.charge(c, w.invoice("pm_card_visa"))
	gate, err := w.control.Hold(t.Context(),
		control.Rule{Point: control.Executing, Path: "/v1/refunds"})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	refunded := make(chan error, 1)
	go func() {
		_, err := c.Refund(ctx, intent)
		refunded <- err
	}()
	waitAt(t, gate)
	cancel()
	must(t, gate.Remove(t.Context()))
	must(t, <-refunded)
	w.wantLeft(intent, 0, 1)
	if _, err := c.Refund(ctx, intent); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v from an ended context, want it to say so", err)
	}
}

func TestOnlyWhatTookNoMoneyIsCanceled(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.client("server-a")
	inv := w.invoice("pm_card_visa")
	untried := w.untried(c, inv, "key")
	lost, err := w.control.Lose(t.Context(), control.Rule{Operation: "payment_intents.cancel"})
	must(t, err)
	r := billing.Request{Invoice: inv, Key: "confirm"}
	_, err = c.Cancel(t.Context(), untried, r)
	wantOutcome(t, err, billing.ErrUnknown)
	must(t, lost.Remove(t.Context()))
	_, err = c.Cancel(t.Context(), untried, r) // which it is by now
	wantOutcome(t, err, billing.ErrCanceled)
	_, err = c.Confirm(t.Context(), untried, r)
	wantOutcome(t, err, billing.ErrCanceled)
	w.wantCharges(0)

	charged := w.charge(c, inv)
	if got, err := c.Cancel(t.Context(), charged, r); err != nil || got.PaymentIntent != charged {
		t.Errorf("got %+v, %v; want the charge", got, err)
	}
	w.wantLeft(charged, 1000, 0)
}
