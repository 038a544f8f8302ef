package worker

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Stripe, fast or slow, always has something to do, and no invoice waits long with its lease or
// claim.
func TestAsManyInvoicesAreBegunAsStripeTakesInAMoment(t *testing.T) {
	t.Parallel()
	const flight, second = 16, time.Second
	for name, test := range map[string]struct{ answers, lockTTL, claimTTL time.Duration }{
		"at once":      {10 * time.Millisecond, 5 * second, 60 * second},
		"usual":        {200 * time.Millisecond, 5 * second, 60 * second},
		"slow":         {3 * second, 5 * second, 60 * second},
		"short leases": {200 * time.Millisecond, second, 60 * second},
		"short claims": {200 * time.Millisecond, 5 * second, second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := Config{Concurrency: flight, LockTTL: test.lockTTL, ClaimTTL: test.claimTTL}
				busy, longest := billSlowly(t, c, test.answers)
				if busy < 0.9 {
					t.Errorf("Stripe had nothing to do for %.0f %% of the time", 100*(1-busy))
				}
				// All requests in flight may be answered at the same time: then the next invoice
				// waits for an answer, too. And each waits for the lock and the ledger.
				most := min(second/2, test.lockTTL/10, test.claimTTL/10) +
					test.answers + 100*time.Millisecond
				if longest > most {
					t.Errorf("an invoice waited for %v, want at most %v", longest, most)
				}
			})
		})
	}
}

// billSlowly bills invoices at a Stripe that takes so long for an answer. It returns for which
// share of the time Stripe's slots were in use, and the longest time from an invoice's beginning
// until its request was sent.
func billSlowly(
	t *testing.T, c Config, answers time.Duration,
) (busy float64, longest time.Duration) {
	t.Helper()
	const invoices = 5000
	var (
		slots    = make(chan struct{}, c.Concurrency)
		answered atomic.Bool
		mu       sync.Mutex
		all      sync.WaitGroup
		started  = time.Now()
	)
	h := c.inHand(func(d time.Duration) int {
		if !answered.Load() {
			return 0
		}
		return int(time.Duration(c.Concurrency) * d / answers)
	})
	for range invoices {
		end, err := h.begin(t.Context())
		must(t, err)
		began := time.Now()
		all.Go(func() {
			defer end()
			time.Sleep(20 * time.Millisecond) // for the lock and the ledger
			slots <- struct{}{}
			mu.Lock()
			longest = max(longest, time.Since(began))
			mu.Unlock()
			time.Sleep(answers)
			answered.Store(true)
			<-slots
			time.Sleep(40 * time.Millisecond) // for the ledger
		})
	}
	all.Wait()
	used := time.Duration(invoices/c.Concurrency) * answers
	return float64(used) / float64(time.Since(started)), longest
}
