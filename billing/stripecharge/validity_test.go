package stripecharge_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/stripesim/control"
)

func TestValidityIsAskedForBeforeEachAttempt(t *testing.T) {
	t.Parallel()
	w := setup(t)
	inv := w.invoice("pm_card_visa")
	_, err := w.control.Lose(t.Context(), control.Rule{})
	must(t, err)
	asking := lease{ask: func(asked int) error {
		if sent := len(w.log.all()); sent != asked-1 {
			t.Errorf("asked for the %d. time after %d attempts", asked, sent)
		}
		return nil
	}}
	_, err = w.client("server-a").Charge(t.Context(),
		billing.Request{Invoice: inv, Valid: asking.valid})
	wantOutcome(t, err, billing.ErrUnknown)
	w.log.wantAttempts(t, asking.asked)
}

func TestALostLeaseStopsTheNextAttempt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		attempts int // before the lease is lost
		lost     bool
		want     error
		charges  int
	}{
		{"before the first", 0, false, billing.ErrNotSent, 0},
		{"after one whose reply was lost", 1, true, billing.ErrUnknown, 1},
		{"after two whose replies were lost", 2, true, billing.ErrUnknown, 1},
		{"after one that Stripe refused", 1, false, billing.ErrNotSent, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			inv := w.invoice("pm_card_visa")
			if test.lost {
				_, err := w.control.Lose(t.Context(), control.Rule{})
				must(t, err)
			} else {
				w.fail(429, control.BeforeCommit)
			}
			asking := lease{ask: func(asked int) error {
				if asked > test.attempts {
					return billing.ErrLeaseLost
				}
				return nil
			}}
			_, err := w.client("server-a").Charge(t.Context(), asking.watched(inv))
			wantOutcome(t, err, test.want)
			if !errors.Is(err, billing.ErrLeaseLost) {
				t.Errorf("got %v, want it to say that the lease is lost", err)
			}
			if asking.asked != test.attempts+1 || asking.sent != test.attempts {
				t.Errorf("asked %d times and sent %d, want %d attempts", asking.asked, asking.sent,
					test.attempts)
			}
			w.log.wantAttempts(t, test.attempts)
			w.wantCharges(test.charges)
		})
	}
}

func TestARequestInFlightIsWaitedForWhenTheContextEnds(t *testing.T) {
	t.Parallel()
	w := setup(t)
	inv := w.invoice("pm_card_visa")
	gate, err := w.control.Hold(t.Context(), control.Rule{Point: control.Executing})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	answered := make(chan error, 1)
	c := w.client("server-a")
	go func() {
		_, err := c.Charge(ctx, billing.Request{Invoice: inv})
		answered <- err
	}()
	waitAt(t, gate)
	cancel()
	// Only now may Stripe answer: whoever hung up when the context ended would have an error.
	must(t, gate.Remove(t.Context()))
	must(t, <-answered)
	w.log.wantAttempts(t, 1)
	w.wantCharges(1)
}

func TestNoAttemptStartsOnceTheContextHasEnded(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		attempts int // before the context ends
		want     error
	}{
		{"before the first", 0, billing.ErrNotSent},
		{"in the pause after the first", 1, billing.ErrUnknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			inv := w.invoice("pm_card_visa")
			_, err := w.control.Lose(t.Context(), control.Rule{})
			must(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			var asking lease
			w.log.whenOneArrives(cancel)
			if test.attempts == 0 {
				cancel()
			}
			_, err = w.client("server-a").Charge(ctx, asking.watched(inv))
			wantOutcome(t, err, test.want)
			if asking.sent != test.attempts {
				t.Errorf("sent %d attempts, want %d", asking.sent, test.attempts)
			}
			w.log.wantAttempts(t, test.attempts)
			w.wantCharges(test.attempts)
		})
	}
}

// The test would time out if the pause or the time-out had to be waited for.
func TestThePauseEndsWithTheContext(t *testing.T) {
	t.Parallel()
	w := setup(t)
	inv := w.invoice("pm_card_visa")
	limit := w.fail(429, control.BeforeCommit)
	c := newClient(t, stripecharge.Options{
		URL: w.stripe.URL("server-a"), Timeout: 2 * time.Hour,
	})
	c.Dawdle()
	ctx, cancel := context.WithCancel(t.Context())
	w.log.whenOneArrives(cancel)
	_, err := c.Charge(ctx, billing.Request{Invoice: inv})
	wantOutcome(t, err, billing.ErrNotSent)
	must(t, limit.Remove(t.Context()))
	w.log.wantAttempts(t, 1)
	w.wantCharges(0)
}
