package command

import (
	"strings"
	"testing"
	"time"

	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/verdict"
)

// A person deletes bob's lines before the refunds. What keeps the books must not refund him.
func TestWhatAPersonLeftOutIsNotRefundedByRecording(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "alice", "bob")
	w.dueRun("server-a", "server-b", "server-c")
	file := w.suspectsOf()
	var bobs []string
	for i, err := range w.stripe.AllIntents(t.Context(), time.Unix(0, 0), time.Time{}) {
		must(err)
		if i.Subscription == "bob" {
			bobs = append(bobs, i.ID)
			withoutLinesOf(file, i.ID)
		}
	}
	status, out, log := command(t, "refund", "--from", file, "--stripe-url", w.url)
	if status != 0 {
		t.Fatalf("got %d, %q: %s", status, log, out)
	}
	o := w.document(1, "--record")
	if len(o.Done) != 2 || o.Done[0].Kind != reconcile.RecordRefund || o.Now == nil ||
		!o.Now.Invoices[0].Is(verdict.Right) || !o.Now.Invoices[1].Is(verdict.Overcharged) {
		t.Errorf("got %+v, want alice's refunds recorded, and bob as he was", o)
	}
	status, out, _ = command(t, w.args("--record")...)
	if status != 1 || !strings.Contains(out, "Nothing to record.") {
		t.Errorf("again: got %d, want nothing to record:\n%s", status, out)
	}
	// What a person says about the rest holds for --apply, too.
	kept := w.document(1).Found.Invoices[1].Kept
	for _, id := range bobs {
		if id != kept {
			status, _, log := command(t, "settle", "--payment", id, "--note", "credit for January",
				"--database-url", w.database, "--stripe-url", w.url)
			if status != 0 {
				t.Errorf("got %d, %s", status, log)
			}
		}
	}
	if o := w.document(0, "--apply"); len(o.Done) != 0 {
		t.Errorf("got %+v, want nothing to do", o)
	}
	if kept := w.kept(); kept["alice"] != 1000 || kept["bob"] != 3000 {
		t.Errorf("got %v, want bob's as they were", kept)
	}
}

func TestWhatWasSettledByMistakeIsTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "alice")
	w.dueRun("server-a", "server-b")
	duplicate := w.document(1).Found.Invoices[0].ToDo[0].PaymentIntent
	settle := func(want string, more ...string) {
		t.Helper()
		args := append([]string{"settle", "--payment", duplicate, "--note", "Bea",
			"--database-url", w.database, "--stripe-url", w.url}, more...)
		if _, out, log := command(t, args...); !strings.Contains(out+log, want) {
			t.Errorf("%v: got %q, %q, want %q", more, out, log, want)
		}
	}
	settle("is not settled", "--undo")
	for range 2 { // also what was taken back can be settled, and taken back
		settle("$10.00 is settled")
		if o := w.document(0); o.Found.Invoices[0].EnteredRefundsMinor != 1000 {
			t.Errorf("settled: got %+v", o)
		}
		settle("$10.00 is no longer settled", "--undo")
		settle("is not settled", "--undo")
		if o := w.document(1); len(o.Found.Invoices[0].ToDo) != 1 ||
			o.Found.Invoices[0].EnteredRefundsMinor != 0 {
			t.Errorf("taken back: got %+v, want a refund to do", o)
		}
	}
	// Settled, and then refunded at Stripe, too: that is in doubt until one is taken back.
	settle("$10.00 is settled")
	_, err := w.stripe.Refund(t.Context(), duplicate)
	must(err)
	if o := w.document(1); !o.Found.Invoices[0].Is(verdict.InDoubt) {
		t.Errorf("got %+v, want it in doubt", o)
	}
	settle("$10.00 is no longer settled", "--undo")
	if o := w.document(0, "--record"); len(o.Done) != 1 || w.kept()["alice"] != 1000 {
		t.Errorf("got %+v, want the refund recorded", o)
	}
}
