package reconcile_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/reconcile"
)

// trap stands before Stripe and interrupts a run at some request: before the request arrives,
// between its execution and its reply, or after the reply.
type trap struct {
	next http.Handler
	left atomic.Int64 // requests until the interruption
	kind int
	trip func()
}

func (s *trap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.left.Add(-1) != 0 {
		s.next.ServeHTTP(w, r)
		return
	}
	switch s.kind {
	case 0:
		s.trip()
		panic(http.ErrAbortHandler)
	case 1:
		s.next.ServeHTTP(httptest.NewRecorder(), r)
		s.trip()
		panic(http.ErrAbortHandler)
	}
	s.next.ServeHTTP(w, r)
	s.trip()
}

// interrupted repeats a run that is interrupted, up to times times, until one finishes. It returns
// the number of interruptions.
func (w *world) interrupted(random *rand.Rand, times int) (n int) {
	w.t.Helper()
	for range times {
		ctx, cancel := context.WithCancel(w.t.Context())
		s := &trap{next: w.sim.Server("").Config.Handler, kind: random.IntN(3), trip: cancel}
		s.left.Store(1 + random.Int64N(40))
		server := httptest.NewServer(s)
		r := reconcile.Reconciler{Ledger: w.store, Stripe: w.client(server.URL)}
		job := w.job(true)
		if inLedger := random.IntN(20); random.IntN(4) == 0 { // between two actions
			job.Done = func(reconcile.Done) {
				if inLedger--; inLedger == 0 {
					cancel()
				}
			}
		}
		o, err := r.Run(ctx, job)
		if ctx.Err() != nil {
			n++
		}
		if err == nil && !o.OK && ctx.Err() == nil {
			w.t.Errorf("ended by itself, and not all is right: %+v", o)
		}
		cancel()
		server.Close()
		if err == nil {
			break
		}
	}
	return n
}

func TestARunThatIsInterruptedCanBeRunAgain(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			want := w.tripled(8)
			// Some charges have no entry, so that recording can be interrupted, too.
			w.subscribe("unrecorded")
			w.charge(w.invoice("unrecorded"))
			w.charge(w.invoice("unrecorded"))
			want["unrecorded"] = once(2)

			random := rand.New(rand.NewPCG(seed, 0))
			if n := w.interrupted(random, 5); n == 0 {
				t.Error("it was not interrupted")
			}
			if o := w.run(true); !o.OK {
				t.Errorf("got %+v, want all right", o)
			}
			w.wantSides(want)
			if o := w.run(true); !o.OK || len(o.Done) != 0 {
				t.Errorf("got %+v from a second run, want nothing to do", o)
			}
		})
	}
}

func TestNothingIsDoneOnHalfAList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.subscribe("alice")
	for range 150 {
		w.charged(w.invoice("alice"), 1)
	}
	s := &trap{next: w.sim.Server("").Config.Handler}
	ctx, cancel := context.WithCancel(t.Context())
	s.trip = cancel
	s.left.Store(2) // the second page
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	c, err := stripecharge.New(stripecharge.Options{
		Key: stripecharge.SimulatorKey, URL: server.URL,
	})
	must(t, err)
	o, err := reconcile.Reconciler{Ledger: w.store, Stripe: c}.Run(ctx, w.job(true))
	if err == nil || len(o.Done) > 0 || o.OK {
		t.Errorf("got %+v, %v, want an error and nothing done", o, err)
	}
	if got := w.sides()["alice"]; got.Refunds != 0 {
		t.Errorf("got %+v, want no refund", got)
	}
}
