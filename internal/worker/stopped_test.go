package worker

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/stripesim/control"
	"example.com/triplecharge/internal/verdict"
)

// A server that is stopped finishes the invoices in flight, starts no others and releases its
// leases; and clients that wait for the run get its result.
func TestAServerThatIsStoppedDrains(t *testing.T) {
	t.Parallel()
	w := setup(t, manyCards())
	c := w.config("server-a", "locked")
	c.Concurrency = 1
	const begun = 2 // one in flight, and before its answer one that waits
	gate := w.hold(control.Executing)
	n := start(t, c)
	must(t, startRun(n))
	waitAt(t, gate, 1)
	n.waitFor(event.LeaseObtained, begun)
	answers := n.waitForRun(20)

	n.stop()
	// The listener stays open until the run is over, and accepts no other run.
	if r := n.ask(http.MethodPost, "/runs"); r.Status != http.StatusServiceUnavailable {
		t.Errorf("POST /runs to a server that stops: got %+v, want 503", r)
	}
	healthy(t, n)
	select {
	case err := <-n.done:
		t.Fatalf("the server ended with %v while a charge was in flight", err)
	case got := <-answers:
		t.Fatalf("got %+v while the run was on", got)
	default:
	}
	must(t, gate.Remove(t.Context()))
	must(t, <-n.done)

	for range cap(answers) {
		if got := <-answers; got.err != nil || !got.Finished || got.Billed != 1 {
			t.Errorf("who waited got %+v, %v; want a run that billed one", got.reply, got.err)
		}
	}
	events, _ := n.all()
	if last := events[len(events)-1]; last.Msg != event.RunFinished || last.Billed != 1 {
		t.Errorf("the last event is %+v, want run.finished with one billed", last)
	}
	told := map[string][]event.Kind{}
	for _, e := range events {
		if e.Invoice != "" {
			told[e.Invoice] = append(told[e.Invoice], e.Msg)
		}
	}
	sent := []event.Kind{
		event.LeaseObtained, event.ChargeSent, event.ChargeSucceeded, event.LedgerRecorded,
		event.LeaseReleased,
	}
	waited := []event.Kind{
		event.LeaseObtained, event.ChargeNotSent, event.LeaseReleased, event.InvoiceFailed,
	}
	charged := 0
	for invoice, events := range told {
		switch {
		case slices.Equal(events, sent):
			charged++
			w.want(strings.TrimSuffix(invoice, "/2026-12"), billedOnce)
		case slices.Equal(events, waited):
			w.want(strings.TrimSuffix(invoice, "/2026-12"), verdict.Counts{})
		default:
			t.Errorf("%s: got %v, want it charged or not sent", invoice, events)
		}
	}
	charges, err := w.control.ChargesSoFar(t.Context())
	must(t, err)
	if len(charges) != 1 || charged != 1 || len(told) != begun {
		t.Fatalf("%d invoices were begun, %d sent and %d charged; want %d, and one of each",
			len(told), charged, len(charges), begun)
	}
}

func TestOneRunThatIsStoppedIsNoFailure(t *testing.T) {
	t.Parallel()
	w := setup(t, manyCards())
	c := w.config("server-a", "locked")
	c.Listen, c.Concurrency = "", 1
	gate := w.hold(control.Executing)
	n := start(t, c)
	waitAt(t, gate, 1)
	n.stop()
	must(t, gate.Remove(t.Context()))
	must(t, <-n.done)
	if e := n.wait(event.RunFinished, ""); e.Billed == len(manyCards()) || e.Level != "WARN" {
		t.Errorf("got %+v, want a warning, and not all billed", e)
	}
}

func TestAServerThatIsStoppedBeforeItBeganIsNoFailure(t *testing.T) {
	t.Parallel()
	w := setup(t, onlyAlice())
	for _, listen := range []string{"", "127.0.0.1:0"} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		c := w.config("server-a", "locked")
		c.Listen = listen
		must(t, runWith(ctx, c, Secrets{Token: testToken}, io.Discard, unchanged))
	}
	w.want("alice", verdict.Counts{})
}
