package reconcile_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/stripesim/control"
	"example.com/triplecharge/internal/verdict"
	"example.com/triplecharge/ledger"
)

// dueRun bills with servers that do not coordinate.
func (w *world) dueRun(mode string, servers ...string) {
	w.t.Helper()
	m, err := billing.ModeNamed(mode)
	must(w.t, err)
	var group errgroup.Group
	for _, server := range servers {
		worker := billing.Worker{
			Server: server, Invoices: w.store, Concurrency: 4,
			Mode: m.New(billing.Ports{
				Ledger: w.store, Charger: w.stripe, Intents: w.stripe,
				Claims: w.store.Claims(ledger.ClaimOptions{Lease: time.Minute}),
			}),
			Report: func(inv billing.Invoice, _ billing.Outcome, err error) {
				if err != nil {
					w.t.Errorf("%s: %s: %v", server, inv, err)
				}
			},
		}
		group.Go(func() error {
			_, err := worker.DueRun(w.t.Context(), w.period)
			return err
		})
	}
	must(w.t, group.Wait())
}

// tripled has three servers charge each of n invoices, and returns the sides that --apply should
// leave.
func (w *world) tripled(n int) map[string]sides {
	w.t.Helper()
	var ids []string
	want := map[string]sides{}
	for i := range n {
		ids = append(ids, fmt.Sprintf("customer-%02d", i))
		want[ids[i]] = once(3)
	}
	w.subscribe(ids...)
	w.dueRun("uncoordinated", "server-a", "server-b", "server-c")
	return want
}

func TestAfterThreeServersWithoutCoordinationAllIsPutRight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := w.tripled(10)
	dry := w.run(false)
	if dry.OK || dry.Found.Counts[verdict.Overcharged] != 10 ||
		dry.Found.ToDo() != "refund 20 charges ($200.00)" {
		t.Errorf("found %v and to do %q, want 10 overcharged and 20 refunds",
			dry.Found.Counts, dry.Found.ToDo())
	}
	if o := w.run(true); !o.OK || len(o.Done) != 20 || o.Now.Counts[verdict.Right] != 10 {
		t.Errorf("got %+v, want 20 refunds, and all right", o)
	}
	w.wantSides(want)
	if o := w.run(true); !o.OK || len(o.Done) != 0 || o.Now != nil {
		t.Errorf("got %+v from a second run, want nothing to do", o)
	}
	w.wantSides(want)
}

func TestTwoReconcilersAtOnceRefundOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := w.tripled(10)
	var group errgroup.Group
	for range 3 {
		store, err := ledger.Open(t.Context(), w.database, ledger.Options{Recorder: "reconcile"})
		must(t, err)
		t.Cleanup(store.Close)
		r := reconcile.Reconciler{Ledger: store, Stripe: w.client(w.url)}
		group.Go(func() error {
			o, err := r.Run(t.Context(), w.job(true))
			if err == nil && !o.OK {
				err = fmt.Errorf("not all is right: %+v", o)
			}
			return err
		})
	}
	must(t, group.Wait())
	w.wantSides(want)
}

// Each charge has been made but not recorded yet: that alone must not cause a refund.
func TestAChargeWhoseEntryIsOnItsWayIsRecordedAndNotRefunded(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"uncoordinated", "exactly-once"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.subscribe("alice", "bob", "carol")
			gate, err := w.control.Hold(t.Context(), control.Rule{
				Point: control.Committed, Operation: control.OperationCharge,
			})
			must(t, err)
			var due sync.WaitGroup
			due.Go(func() { w.dueRun(mode, "server-a") })
			for calls, since := 0, int64(0); calls < 3; {
				waiting, revision, err := gate.Waiting(t.Context(), since)
				must(t, err)
				calls, since = len(waiting), revision
			}
			o := w.run(true)
			if !o.OK || o.Found.Counts[verdict.Unrecorded] != 3 || len(o.Done) != 3 {
				t.Errorf("got %+v, want three charges recorded", o)
			}
			must(t, gate.Remove(t.Context()))
			due.Wait()
			w.wantSides(map[string]sides{"alice": once(1), "bob": once(1), "carol": once(1)})
		})
	}
}

// Reconcilers and a due run that run at the same time do not disturb each other.
func TestBesideADueRun(t *testing.T) {
	t.Parallel()
	for mode, charges := range map[string]int{"uncoordinated": 3, "exactly-once": 1} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			want := map[string]sides{}
			for n := range 30 {
				id := fmt.Sprintf("customer-%02d", n)
				w.subscribe(id)
				want[id] = once(charges)
			}
			must(t, w.control.Set(t.Context(),
				control.Settings{Jitter: new(20 * time.Millisecond)}))
			over := make(chan struct{})
			var beside errgroup.Group
			for range 2 {
				beside.Go(func() error {
					for {
						if _, err := w.reconciler().Run(t.Context(), w.job(true)); err != nil {
							return err
						}
						select {
						case <-over:
							return nil
						default:
						}
					}
				})
			}
			w.dueRun(mode, "server-a", "server-b", "server-c")
			close(over)
			must(t, beside.Wait())
			if o := w.run(true); !o.OK {
				t.Errorf("got %+v, want all right", o)
			}
			w.wantSides(want)
		})
	}
}
