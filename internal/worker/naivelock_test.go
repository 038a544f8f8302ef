package worker

import (
	"net/http"
	"testing"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/stripesim/control"
	"example.com/triplecharge/internal/verdict"
)

// The lock of the tutorials works when all servers fire at the same moment: while a's charge is
// held at Stripe, b and c find the lock taken.
func TestNaiveLockChargesOnceWhenAllFireTogether(t *testing.T) {
	t.Parallel()
	w := setup(t, onlyAlice())
	gate := w.hold(control.Arriving)
	nodes := w.startAll("naive-lock")
	for _, n := range nodes {
		must(t, startRun(n))
	}
	waitAt(t, gate, 1)
	skipped := 0
	for _, n := range nodes {
		for e := range n.lines(0) {
			if e.Msg == event.InvoiceSkipped {
				skipped++
				break
			} else if e.Msg == event.ChargeSent {
				break
			}
		}
	}
	if skipped != 2 {
		t.Errorf("%d servers skipped the invoice while one charged, want 2", skipped)
	}
	must(t, gate.Remove(t.Context()))
	for _, n := range nodes {
		n.ask(http.MethodGet, "/runs/1?wait=true")
	}
	w.want("alice", billedOnce)
}

// It remembers nothing: each server finds the lock free again, and charges.
func TestNaiveLockChargesThreeTimesWhenServersFireOneAfterAnother(t *testing.T) {
	t.Parallel()
	w := setup(t, onlyAlice())
	for _, n := range w.startAll("naive-lock") {
		if got := n.run(); got.Billed != 1 {
			t.Errorf("got %+v, want one billed", got)
		}
	}
	w.want("alice", verdict.Counts{Charges: 3, Entries: 3})
}

// Only the ledger remembers, if a server asks it under the lease.
func TestLockedChargesOnceWhenServersFireOneAfterAnother(t *testing.T) {
	t.Parallel()
	w := setup(t, onlyAlice())
	for _, n := range w.startAll("locked") {
		n.run()
	}
	w.want("alice", billedOnce)
}

// The fencing token comes with the lease, through all that the worker puts around a lock.
func TestFencedBillsWithATokenFromItsLease(t *testing.T) {
	t.Parallel()
	w := setup(t, onlyAlice())
	for i, n := range w.startAll("fenced") {
		n.run()
		for e := range n.lines(0) {
			if e.Msg == event.FenceIssued && e.Token == i+1 {
				break
			} else if e.Msg == event.RunFinished {
				t.Errorf("server %d got no token %d", i, i+1)
				break
			}
		}
	}
	w.want("alice", billedOnce)
}

func (w *world) startAll(mode string) (nodes []*node) {
	w.t.Helper()
	for _, name := range []string{"server-a", "server-b", "server-c"} {
		nodes = append(nodes, start(w.t, w.config(name, mode)))
	}
	return nodes
}
