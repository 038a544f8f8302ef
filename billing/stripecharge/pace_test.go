package stripecharge_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/stripesim/control"
)

// chargeAll charges so many invoices of Alice's at the same time, and returns what came of them.
func chargeAll(ctx context.Context, c *stripecharge.Client, inv billing.Invoice, n int) error {
	errs := make([]error, n)
	run := stripe.NewIdempotencyKey()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			_, errs[i] = c.Charge(ctx, billing.Request{Invoice: inv, Key: fmt.Sprint(run, i)})
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// Stripe's limit is found by being refused: all invoices of the server slow down, none fails, and
// Stripe isn't pestered.
func TestARateLimitSlowsAllInvoicesDownAndFailsNone(t *testing.T) {
	t.Parallel()
	w := setup(t)
	inv := w.invoice("pm_card_visa")
	const limit, invoices = 25, 60
	must(t, w.control.Set(t.Context(), control.Settings{RateLimit: new(limit)}))
	c := newClient(t, stripecharge.Options{URL: w.stripe.URL("server-a"), AtOnce: 16})
	must(t, chargeAll(t.Context(), c, inv, invoices))
	w.wantCharges(invoices)
	if sent := len(w.log.all()); sent > 2*invoices {
		t.Errorf("%d requests for %d invoices: Stripe refused most", sent, invoices)
	}
}

// The answer's Retry-After is for everybody.
func TestNothingIsSentBeforeStripesRetryAfter(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var refused time.Time
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if refused.IsZero() {
			refused = time.Now()
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"error":{"type":"invalid_request_error"}}`)
			return
		}
		if since := time.Since(refused); since < 900*time.Millisecond {
			t.Errorf("a request came %v after the refusal", since)
		}
		_, _ = io.WriteString(w, `{"id":"pi_1","status":"succeeded"}`)
	}))
	t.Cleanup(other.Close)
	// One at a time, so that the others' turns come after the refusal.
	c := newClient(t, stripecharge.Options{URL: other.URL, AtOnce: 1})
	must(t, chargeAll(t.Context(), c, unknownInvoice(t), 3))
}

// Whoever gets the place of the one refused has to know of the refusal: a place is not free before
// the time is taken that is waited for.
func TestAPlaceIsNotFreeBeforeTheRefusalIsKnown(t *testing.T) {
	t.Parallel()
	var refused, checked atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if refused.CompareAndSwap(false, true) {
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"error":{"code":"rate_limit"}}`)
			return
		}
		_, _ = io.WriteString(w, `{"id":"pi_1","status":"succeeded"}`)
	}))
	t.Cleanup(other.Close)
	var c *stripecharge.Client
	now := func() time.Time {
		if refused.Load() && checked.CompareAndSwap(false, true) && c.UnderWay() != 1 {
			t.Error("the place was free while nobody knew of the refusal")
		}
		return time.Now()
	}
	c = newClient(t, stripecharge.Options{URL: other.URL, AtOnce: 1, Now: now})
	must(t, chargeAll(t.Context(), c, unknownInvoice(t), 1))
	if !checked.Load() {
		t.Error("nobody looked at the clock after the refusal")
	}
}

func TestNoMoreRequestsAreUnderWayThanAtOnce(t *testing.T) {
	t.Parallel()
	var underWay, most atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := underWay.Add(1)
		defer underWay.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		_, _ = io.WriteString(w, `{"id":"pi_1","status":"succeeded"}`)
	}))
	t.Cleanup(other.Close)
	c := newClient(t, stripecharge.Options{URL: other.URL, AtOnce: 3})
	must(t, chargeAll(t.Context(), c, unknownInvoice(t), 50))
	if n := most.Load(); n > 3 {
		t.Errorf("%d requests were under way at a time, want 3 at the most", n)
	}
}

func TestNoMoreAreSentInASecondThanPerSecond(t *testing.T) {
	t.Parallel()
	w := setup(t)
	inv := w.invoice("pm_card_visa")
	c := newClient(t, stripecharge.Options{URL: w.stripe.URL("server-a"), PerSecond: 50})
	began := time.Now()
	must(t, chargeAll(t.Context(), c, inv, 21))
	if took := time.Since(began); took < 400*time.Millisecond {
		t.Errorf("21 took %v, at 50 a second", took)
	}
}

// Whoever waits for a turn is asked when it comes if the charge is still to be made.
func TestALeaseLostWhileWaitingForATurnStopsTheCharge(t *testing.T) {
	t.Parallel()
	w := setup(t)
	inv := w.invoice("pm_card_visa")
	gate, err := w.control.Hold(t.Context(), control.Rule{Point: control.Executing})
	must(t, err)
	c := newClient(t, stripecharge.Options{URL: w.stripe.URL("server-a"), AtOnce: 1})
	first := make(chan error, 1)
	go func() { first <- chargeAll(t.Context(), c, inv, 1) }()
	waitAt(t, gate)
	var lost atomic.Bool
	second := make(chan error, 1)
	go func() {
		_, err := c.Charge(t.Context(), billing.Request{Invoice: inv, Valid: func() error {
			if lost.Load() {
				return billing.ErrLeaseLost
			}
			return nil
		}})
		second <- err
	}()
	lost.Store(true)
	must(t, gate.Remove(t.Context()))
	must(t, <-first)
	err = <-second
	wantOutcome(t, err, billing.ErrNotSent)
	if !errors.Is(err, billing.ErrLeaseLost) {
		t.Errorf("got %v, want that the lease is lost", err)
	}
	w.wantCharges(1)
}

// Requests in flight together are refused together. That is one sign that the rate is too high.
func TestRefusalsOfOneBurstSlowDownOnce(t *testing.T) {
	t.Parallel()
	now := time0
	c := newClient(t, stripecharge.Options{
		URL: "http://127.0.0.1:1", PerSecond: 100, Now: func() time.Time { return now },
	})
	sent := now
	for range 8 {
		now = now.Add(10 * time.Millisecond)
		c.Refused(sent)
	}
	if rate := c.Rate(); rate != 70 {
		t.Errorf("%v requests a second after 8 refusals of one burst, want 70", rate)
	}
	c.Refused(now)
	if rate := c.Rate(); rate != 49 {
		t.Errorf("%v requests a second after a later refusal, want 49", rate)
	}
}

func TestASuccessUndoesNoRefusal(t *testing.T) {
	t.Parallel()
	for range 20 { // on a busy machine they seldom meet
		successBesideRefusals(t)
	}
}

func successBesideRefusals(t *testing.T) {
	t.Helper()
	var now atomic.Int64 // a refusal is of a request sent after the last slow-down
	c := newClient(t, stripecharge.Options{
		URL: "http://127.0.0.1:1", PerSecond: 1e300,
		Now: func() time.Time { return time0.Add(time.Duration(now.Add(1))) },
	})
	over := make(chan struct{})
	var others sync.WaitGroup
	c.Refused(time0)
	for range 4 {
		others.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
					c.Took()
				}
			}
		})
	}
	want := c.Rate()
	for range 1000 {
		c.Refused(time0.Add(time.Hour))
		want *= 0.7 // what a success adds is too little to be seen in such a rate
	}
	close(over)
	others.Wait()
	if got := c.Rate(); got != want {
		t.Errorf("%v requests a second after 1000 refusals, want %v: some were undone", got, want)
	}
}

// What Stripe takes in a time follows from how fast it has answered, and from the limits.
func TestTakesIsWhatStripeTakes(t *testing.T) {
	t.Parallel()
	var answers, now atomic.Int64 // nanoseconds
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		now.Add(answers.Load())
		_, _ = io.WriteString(w, `{"id":"pi_1","status":"succeeded"}`)
	}))
	t.Cleanup(other.Close)
	c := newClient(t, stripecharge.Options{
		URL: other.URL, AtOnce: 16, PerSecond: 2000,
		Now: func() time.Time { return time.Unix(0, now.Load()) },
	})
	if got := c.Takes(time.Second); got != 0 {
		t.Errorf("before the first answer: %d requests a second", got)
	}
	for _, test := range []struct {
		answers time.Duration
		want    int // a second
	}{{time.Second, 16}, {200 * time.Millisecond, 80}, {time.Millisecond, 2000}} {
		answers.Store(int64(test.answers))
		for range 300 {
			_, err := c.Charge(t.Context(), billing.Request{Invoice: unknownInvoice(t)})
			must(t, err)
		}
		if got := c.Takes(time.Second); got < test.want*99/100 || got > test.want*101/100 {
			t.Errorf("Stripe answers after %v: %d a second, want %d", test.answers, got, test.want)
		}
	}
	if got := c.Takes(time.Microsecond); got != 1 {
		t.Errorf("%d requests in a microsecond, want the one that fits in any time", got)
	}
	c.Refused(time.Unix(0, now.Load()))
	if got := c.Takes(time.Second); got > 1500 {
		t.Errorf("%d a second after a refusal, want fewer", got)
	}
}
