package worker

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/event"
)

// The limit is for one absence, not for the run.
func TestARunOutlivesTheLimitOfAnAbsenceThatIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, 5*atOnce, time.Minute)
		o := &outage{until: time.Now().Add(30 * time.Second)}
		b.bill = func(ctx context.Context, _ billing.Invoice, _ int) (billing.Outcome, error) {
			err := b.hold.persist(redisServer)(ctx, o.call)
			time.Sleep(time.Minute)
			return billing.Billed, err
		}
		one := b.start(t)
		<-one.done
		if one.err != nil || one.summary.Billed != 5*atOnce {
			t.Errorf("got %+v, %v; want all billed", one.summary, one.err)
		}
	})
}

// A call that began before the dependency was back may fail after that.
func TestALateFailureIsNotANewAbsence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, 2, time.Minute)
		b.bill = func(ctx context.Context, inv billing.Invoice, _ int) (billing.Outcome, error) {
			lasts := 10 * time.Second
			if inv.Subscription.ID == "00001" {
				lasts = 15 * time.Second
			}
			tries := 0
			return billing.Billed, b.hold.persist(redisServer)(ctx, func(context.Context) error {
				if tries++; tries > 1 {
					return nil
				}
				time.Sleep(lasts)
				return errGone
			})
		}
		one := b.start(t)
		<-one.done
		if held := len(b.of(event.RunHeld)); held != 1 || one.summary.Billed != 2 {
			t.Errorf("held %d times, want once; got %+v", held, one.summary)
		}
	})
}

// While Stripe is away, no charge is sent: each invoice waits until Stripe answers a question, and
// is billed from its beginning at the end of the run.
func TestNoChargeIsSentWhileStripeIsAway(t *testing.T) {
	t.Parallel()
	for name, outcome := range map[string]error{
		"certainly not sent": billing.ErrNotSent, "unknown": billing.ErrUnknown,
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBubble(t, 100, 5*time.Minute)
			o := &outage{from: time.Now().Add(time.Second), until: time.Now().Add(time.Minute)}
			b.hold.ping = o.call
			const atStripe = 2
			turn, failed := make(chan struct{}, atStripe), 0
			b.bill = func(ctx context.Context, _ billing.Invoice, _ int) (billing.Outcome, error) {
				err := b.hold.send(ctx, billing.Request{}, func(r billing.Request) error {
					turn <- struct{}{}
					defer func() { <-turn }()
					if err := r.Start(); err != nil {
						return fmt.Errorf("%w: %w", billing.ErrNotSent, err)
					}
					time.Sleep(100 * time.Millisecond)
					if err := o.call(ctx); err != nil {
						b.mu.Lock()
						defer b.mu.Unlock()
						failed++
						return fmt.Errorf("%w: %w", outcome, err)
					}
					return nil
				})
				return billing.Billed, err
			}
			one := b.start(t)
			<-one.done
			want := billing.Summary{Billed: 100}
			if outcome == billing.ErrUnknown {
				want = billing.Summary{Billed: 100 - atStripe, Failed: atStripe}
			}
			if failed != atStripe || one.err != nil || one.summary != want {
				t.Errorf("%s: %d were sent in vain, %+v, %v", name, failed, one.summary, one.err)
			}
			if n := len(b.of(event.RunHeld)); n != 1 {
				t.Errorf("%s: held %d times, want once", name, n)
			}
		})
	}
}
