package scenario

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/verdict"
)

func TestACellRunIsToldReadAndPutRight(t *testing.T) {
	t.Parallel()
	harness := cellHarness(t)
	var mu sync.Mutex
	var told []string
	harness.Tell = func(e event.Event) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, e.Server+" "+string(e.Kind))
	}
	l, err := harness.Begin(t.Context(), "locked", faults.Pause)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeRun(t, l) })
	invoice := readOne(t, l)
	if invoice.Subscription != "alice" || invoice.DueMinor != 1000 || invoice.Charges != 0 {
		t.Errorf("before midnight it is %+v, want Alice's of 1000 and nothing charged", invoice)
	}
	if err := l.Play(t.Context()); err != nil {
		t.Fatal(err)
	}
	invoice = readOne(t, l)
	if invoice.Charges != 2 || invoice.Entries != 2 || !invoice.Is(verdict.Overcharged) {
		t.Errorf("afterwards it is %+v, want two charges and two entries", invoice)
	}
	for _, want := range []string{"server-a charge.sent", "server-b charge.succeeded",
		"server-a charge.succeeded"} {
		if !slices.Contains(told, want) {
			t.Errorf("%s was not told, but %s", want, strings.Join(told, ", "))
		}
	}
	done, err := l.Reconcile(t.Context())
	if err != nil || len(done) != 1 || done[0].Kind != reconcile.RefundCharge {
		t.Errorf("it did %v, %v; want one refund", done, err)
	}
	invoice = readOne(t, l)
	if invoice.RefundedMinor != 1000 || !invoice.Is(verdict.Right) {
		t.Errorf("in the end it is %+v, want it right", invoice)
	}
}

func TestACellRunLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	harness := cellHarness(t)
	l, err := harness.Begin(t.Context(), "locked", faults.RedisFailover)
	if err != nil {
		t.Skip(err) // no redis-server, which a replica needs
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Play(ctx); err == nil {
		t.Error("it was played although nobody wanted it any more")
	}
	started := l.play.workers
	closeRun(t, l)
	for _, w := range started {
		select {
		case <-w.Exited:
		default:
			t.Errorf("%s is still there", w.Name)
		}
	}
	if _, err := l.Invoices(t.Context()); err == nil {
		t.Error("its sides can still be read")
	}
}

func TestWhatDoesNotApplyCanNotBegin(t *testing.T) {
	t.Parallel()
	for _, id := range []CellID{
		{"exactly-once", faults.RedlockMajority}, {"locked", "flood"}, {"prayer", faults.None},
	} {
		if _, err := (Harness{}).Begin(t.Context(), id.Mode, id.Fault); err == nil {
			t.Errorf("%s under %s began", id.Mode, id.Fault)
		}
	}
}

func readOne(t *testing.T, l *CellRun) reconcile.Invoice {
	t.Helper()
	invoices, err := l.Invoices(t.Context())
	if err != nil || len(invoices) != 1 {
		t.Fatalf("read %d invoices, %v; want Alice's", len(invoices), err)
	}
	return invoices[0]
}

func closeRun(t *testing.T, l *CellRun) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
