package stripecharge_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/stripesim/control"
)

func TestStripeSaysWhichLimitIsExceeded(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]struct {
		all  float64
		each [2]float64
	}{
		"endpoint-rate": {100, [2]float64{25, 17.5}},
		"global-rate":   {70, [2]float64{25, 25}},
		"":              {70, [2]float64{25, 25}},
	} {
		c := newClient(t, stripecharge.Options{
			URL: "http://127.0.0.1:1", PerSecond: 100, EndpointPerSecond: 25,
		})
		c.ConfirmRefused(time.Now(), reason)
		if c.Rate() != want.all || c.EndpointRates() != want.each {
			t.Errorf("%q: %v in all and %v, want %+v", reason, c.Rate(), c.EndpointRates(), want)
		}
	}
}

func TestATurnAfterTheDeadlineIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	c := newClient(t, stripecharge.Options{URL: "http://127.0.0.1:1", EndpointPerSecond: 0.001})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	inv := billing.Invoice{Subscription: billing.Subscription{ID: "alice", Currency: "usd"}}
	for range 2 { // the first turn is free
		_, err := c.Charge(ctx, billing.Request{Invoice: inv, Valid: func() error {
			return billing.ErrLeaseLost
		}})
		if !errors.Is(err, billing.ErrNotSent) || strings.Contains(err.Error(), "nil") {
			t.Errorf("got %v, want not sent, and why", err)
		}
	}
}

// The servers of an account send what Stripe takes, and little more. It takes a quarter of a
// minute, most of it waiting: LARGE_RUNS=1 runs it.
func TestServersShareTheLimitsOfTheirAccount(t *testing.T) {
	if os.Getenv("LARGE_RUNS") == "" {
		t.Skip("LARGE_RUNS is not set")
	}
	t.Parallel()
	const sandbox, live, endpoint = 25, 100, 25
	for _, servers := range []int{3, 10} {
		for inAll, want := range map[int]map[bool]float64{
			sandbox: {false: 25, true: 25}, live: {false: 25, true: 50},
		} {
			for twoCalls, want := range want { // locked makes one, exactly-once two
				t.Run(fmt.Sprint(servers, " servers, ", inAll, " in all, two calls: ", twoCalls),
					func(t *testing.T) {
						t.Parallel()
						w := setup(t)
						must(t, w.control.Set(t.Context(), control.Settings{
							RateLimit: new(inAll), EndpointLimit: new(endpoint)}))
						took, refused := w.sent(servers, stripecharge.Options{
							AtOnce: 16, PerSecond: float64(inAll) / float64(servers),
							EndpointPerSecond: endpoint / float64(servers),
						}, twoCalls)
						t.Logf("%.1f of %.0f a second, %.1f %% refused", took, want, refused)
						if took < 0.95*want || refused > 2 {
							t.Error("want 95 % or more, and 2 % refused or less")
						}
					})
			}
		}
	}
}

// sent returns how many requests a second Stripe took, and how many percent it refused.
func (w *world) sent(
	servers int, o stripecharge.Options, twoCalls bool,
) (perSecond, refused float64) {
	w.t.Helper()
	const before, measured = 3 * time.Second, 12 * time.Second
	inv := w.invoice("pm_card_visa")
	o.URL = w.stripe.URL("server-a")
	ctx, cancel := context.WithTimeout(w.t.Context(), before+measured)
	defer cancel()
	var took atomic.Int64
	var running sync.WaitGroup
	for range servers {
		c := newClient(w.t, o)
		for range 2 * o.AtOnce {
			running.Go(func() {
				for ctx.Err() == nil {
					err := bill(ctx, c, inv, twoCalls, &took)
					if err != nil && !errors.Is(err, billing.ErrNotSent) {
						w.t.Error(err)
						return
					}
				}
			})
		}
	}
	time.Sleep(before) // a burst is over that Stripe allows
	first := took.Load()
	running.Wait()
	sent := float64(len(w.log.all()))
	return float64(took.Load()-first) / measured.Seconds(), 100 * (1 - float64(took.Load())/sent)
}

// bill makes the calls of an invoice, and counts those that succeed.
func bill(
	ctx context.Context, c *stripecharge.Client, inv billing.Invoice, twoCalls bool,
	took *atomic.Int64,
) error {
	r := billing.Request{Invoice: inv, Key: stripe.NewIdempotencyKey()}
	charge := c.Charge
	if twoCalls {
		prepared, err := c.Prepare(ctx, r)
		if err != nil {
			return err
		}
		took.Add(1)
		r.Key += "/confirm"
		charge = func(ctx context.Context, r billing.Request) (billing.Charge, error) {
			return c.Confirm(ctx, prepared.ID, r)
		}
	}
	_, err := charge(ctx, r)
	if err == nil {
		took.Add(1)
	}
	return err
}
