package worker

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"example.com/triplecharge/billing"
)

// Only what certainly took no money is billed once more, and only once.
func TestFailedInvoicesAreBilledOnceMore(t *testing.T) {
	t.Parallel()
	lost := errors.New("lost")
	for name, c := range map[string]struct {
		err  error
		want int // calls
	}{
		"not sent":     {fmt.Errorf("%w: %w", billing.ErrNotSent, lost), 2},
		"lease lost":   {billing.ErrLeaseLost, 2},
		"unavailable":  {errGone, 2},
		"unknown":      {fmt.Errorf("%w: %w", billing.ErrUnknown, lost), 1},
		"unknown, too": {fmt.Errorf("%w: %w", billing.ErrUnknown, errGone), 1},
		"declined":     {billing.ErrDeclined, 1},
		"declined, and the claim is not postponed": {errors.Join(billing.ErrDeclined, errGone), 1},
		"unrecorded": {fmt.Errorf("%w: %w", errUnrecorded, errGone), 1},
		"another":    {lost, 1},
	} {
		for heals, outcome := range map[bool]billing.Outcome{true: billing.Billed, false: ""} {
			synctest.Test(t, func(t *testing.T) {
				b := newBubble(t, 3, time.Minute)
				b.bill = func(
					_ context.Context, inv billing.Invoice, nth int,
				) (billing.Outcome, error) {
					if inv.Subscription.ID != "00001" || heals && nth == 2 {
						return billing.Billed, nil
					}
					return outcome, c.err
				}
				one := b.start(t)
				<-one.done
				want := billing.Summary{Billed: 2, Failed: 1}
				if heals && c.want == 2 {
					want = billing.Summary{Billed: 3}
				} else if errors.Is(c.err, billing.ErrDeclined) {
					want = billing.Summary{Billed: 2, Declined: 1}
				}
				if got := b.calls["00001"]; got != c.want || one.summary != want {
					t.Errorf("%s: billed %d times, want %d: %+v", name, got, c.want, one.summary)
				}
			})
		}
	}
}

// A lease that this server could not release makes the second try skip the invoice.
func TestAnInvoiceBehindALeaseLeftBehindIsBilledInTheEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		held time.Duration
		want billing.Summary
	}{
		"it expires":  {4 * time.Second, billing.Summary{Billed: 1}},
		"it does not": {time.Hour, billing.Summary{Failed: 1}},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			b := newBubble(t, 1, time.Minute)
			b.runs.lease = 5 * time.Second
			b.bill = func(_ context.Context, _ billing.Invoice, nth int) (billing.Outcome, error) {
				switch {
				case nth == 1:
					return "", billing.ErrLeaseLost
				case time.Since(began) < c.held:
					return billing.Skipped, nil
				}
				return billing.Billed, nil
			}
			one := b.start(t)
			<-one.done
			if one.err != nil || one.summary != c.want {
				t.Errorf("%s: got %+v, %v", name, one.summary, one.err)
			}
		})
	}
}
