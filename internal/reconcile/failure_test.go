package reconcile_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/stripesim/control"
)

func TestNothingIsRefundedIfTheChargeToKeepWasRefundedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.subscribe("alice")
	kept := w.charged(w.invoice("alice"), 2)[0]
	job := w.job(true)
	job.Found = func(reconcile.Report) { w.refundByHand(kept, 1000) }
	o, err := w.reconciler().Run(t.Context(), job)
	must(t, err)
	if o.OK || len(o.Done) != 1 || o.Done[0].Error == "" {
		t.Errorf("got %+v, want a refund that was not made", o)
	}
	if o := w.run(true); !o.OK {
		t.Errorf("got %+v, want all right", o)
	}
	w.wantBooks(map[string]books{"alice": once(2)})
}

func TestAChargeThatTheLedgerRefusesIsNotRefunded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.subscribe("alice")
	w.charged(w.invoice("alice"), 1)
	late := w.charge(w.invoice("alice"))
	job := w.job(true)
	job.Found = func(reconcile.Report) { // somebody is faster, and wrong
		late.AmountMinor = 1
		w.record(late)
	}
	o, err := w.reconciler().Run(t.Context(), job)
	must(t, err)
	if o.OK || len(o.Done) != 1 || o.Done[0].Error == "" {
		t.Errorf("got %+v, want one entry that was refused", o)
	}
	w.wantBooks(map[string]books{"alice": {2, 0, 2000, 2, 0, 1001, 0, 0}})
}

// The server that may still come for a PaymentIntent that was canceled is one that was stopped for
// longer than its claim, while another mode charged the invoice.
func TestAServerThatComesForACanceledPaymentIntentChargesNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.subscribe("alice")
	inv := w.invoice("alice")
	stopped := w.claim(inv, time.Microsecond)
	prepared := w.prepare(inv, 1)
	w.charged(inv, 1)
	if o := w.run(true); !o.OK || len(o.Done) != 1 {
		t.Errorf("got %+v, want one PaymentIntent canceled", o)
	}

	if registered := w.register(stopped, prepared); registered != prepared {
		t.Fatalf("%s is registered, want %s", registered, prepared)
	}
	_, err := w.stripe.Confirm(t.Context(), prepared, billing.Request{Invoice: inv, Key: "late"})
	if !errors.Is(err, billing.ErrNotSent) {
		t.Errorf("got %v, want it refused", err)
	}
	w.dueRun("exactly-once", "server-a")
	want := once(1)
	want.Canceled = 1
	w.wantBooks(map[string]books{"alice": want})
	if o := w.run(true); !o.OK {
		t.Errorf("got %+v, want all right", o)
	}
}

func TestWhatFailsIsSaidAndTheRestIsDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := w.tripled(4)
	stuck := invoiceIn(t, w.run(false).Found, "customer-00").ToDo[0].PaymentIntent
	fail, err := w.control.Fail(t.Context(),
		control.Rule{Key: "refund/" + stuck}, http.StatusInternalServerError, control.BeforeCommit)
	must(t, err)
	o := w.run(true)
	must(t, fail.Remove(t.Context()))
	for _, d := range o.Done {
		if (d.Error != "") != (d.PaymentIntent == stuck) {
			t.Errorf("%v, want %s to fail and nothing else", d, stuck)
		}
	}
	if o.OK || len(o.Done) != 8 || o.Now.Counts[reconcile.Overcharged] != 1 {
		t.Errorf("got %+v, want one invoice still overcharged", o)
	}
	// The 500 is saved under the key; a day later, Stripe has forgotten it.
	must(t, w.control.Advance(t.Context(), 25*time.Hour))
	if o := w.run(true); !o.OK {
		t.Errorf("got %+v, want all right", o)
	}
	w.wantBooks(want)
}

func TestARefundThatTheBankRefusesIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.subscribe("alice")
	w.charged(withCard(w, w.invoice("alice"), "pm_card_refundFail"), 2)
	o := w.run(true)
	if o.OK || len(o.Done) != 1 || !strings.Contains(o.Done[0].Error, "in another way") {
		t.Errorf("got %+v, want a refund that failed, and what to do", o)
	}
	w.wantBooks(map[string]books{"alice": {2, 0, 2000, 2, 0, 2000, 0, 0}})
}

// Somebody else was faster, and Stripe has forgotten the key since.
func TestARefundThatSomebodyElseMadeIsRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.subscribe("alice")
	duplicate := w.charged(w.invoice("alice"), 2)[1]
	job := w.job(true)
	job.Found = func(reconcile.Report) { w.refundByHand(duplicate, 1000) }
	o, err := w.reconciler().Run(t.Context(), job)
	must(t, err)
	if !o.OK || len(o.Done) != 1 || o.Done[0].Refund == "" {
		t.Errorf("got %+v, want all right, and the refund named", o)
	}
	w.wantBooks(map[string]books{"alice": once(2)})
}
