package reconcile_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/stripesim/control"
	"example.com/triplecharge/internal/verdict"
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
	w.wantSides(map[string]sides{"alice": once(2)})
}

func TestAChargeThatTheLedgerRefusesIsNotRefunded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.subscribe("alice")
	w.charged(w.invoice("alice"), 1)
	late := w.charge(w.invoice("alice"))
	job := w.job(true)
	job.Found = func(reconcile.Report) { // somebody records it first, with a wrong amount
		late.AmountMinor = 1
		w.record(late)
	}
	o, err := w.reconciler().Run(t.Context(), job)
	must(t, err)
	if o.OK || len(o.Done) != 1 || o.Done[0].Error == "" {
		t.Errorf("got %+v, want one entry that was refused", o)
	}
	w.wantSides(map[string]sides{"alice": {2, 0, 2000, 2, 0, 1001, 0, 0}})
}

// A server that was stopped for longer than its claim, while another mode charged the invoice, may
// still try to confirm a canceled PaymentIntent.
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
	if !errors.Is(err, billing.ErrCanceled) {
		t.Errorf("got %v, want it refused", err)
	}
	w.dueRun("exactly-once", "server-a")
	want := once(1)
	want.Canceled = 1
	w.wantSides(map[string]sides{"alice": want})
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
	if o.OK || len(o.Done) != 8 || o.Now.Counts[verdict.Overcharged] != 1 {
		t.Errorf("got %+v, want one invoice still overcharged", o)
	}
	// The 500 is saved under the key; a day later, Stripe has forgotten it.
	must(t, w.control.Advance(t.Context(), 25*time.Hour))
	if o := w.run(true); !o.OK {
		t.Errorf("got %+v, want all right", o)
	}
	w.wantSides(want)
}

func TestARefundThatTheBankRefusesIsReversedOnceAndSettledByHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.subscribe("alice")
	duplicate := w.charged(withCard(w, w.invoice("alice"), "pm_card_refundFail"), 2)[1]
	if o := w.run(true); !o.OK {
		t.Errorf("got %+v, want all right: the bank fails it later", o)
	}
	must(t, w.control.Advance(t.Context(), time.Hour))
	if o := w.run(true); o.OK || len(o.Done) != 1 ||
		o.Done[0].Kind != reconcile.RecordReversal || o.Done[0].Error != "" {
		t.Errorf("got %+v, want the failed refund recorded", o)
	}
	must(t, w.control.Advance(t.Context(), 48*time.Hour)) // Stripe has forgotten the key
	for range 2 {
		if o := w.run(true); o.OK || len(o.Done) != 0 {
			t.Errorf("got %+v, want it told, and not tried again", o)
		}
	}
	w.wantSides(map[string]sides{"alice": {2, 0, 2000, 2, 0, 2000, 0, 0}})
	for range 2 { // the second adds nothing
		_, _, err := w.reconciler().Settle(t.Context(), duplicate.PaymentIntent, false)
		must(t, err)
	}
	o := w.run(true)
	i := invoiceIn(t, o.Found, "alice")
	if !o.OK || len(o.Done) != 0 || i.RefundedMinor != 1000 || i.EnteredRefundsMinor != 1000 {
		t.Errorf("got %+v, want it right: the customer has the money", o)
	}
	// Somebody tries at Stripe again, and the customer gets it twice.
	w.refundByHand(duplicate, 1000)
	if i := invoiceIn(t, w.run(false).Found, "alice"); !i.Is(verdict.InDoubt) {
		t.Errorf("got %+v, want it in doubt", i)
	}
}

func TestOnlyWhatIsLeftAndOursIsSettled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.subscribe("alice")
	refunded := w.charged(w.invoice("alice"), 1)[0]
	w.refundByHand(refunded, 1000)
	pending := w.charged(withCard(w, w.invoice("alice"), "pm_card_pendingRefund"), 1)[0]
	w.refundByHand(pending, 400)
	for name, id := range map[string]string{
		"refunded": refunded.PaymentIntent, "pending": pending.PaymentIntent, "none": "pi_none",
		"not recorded": w.charge(w.invoice("alice")).PaymentIntent,
		"another's":    w.pay(map[string]string{"ledger": "led_other"}),
		"not charged":  w.prepare(w.invoice("alice"), 1),
	} {
		if _, _, err := w.reconciler().Settle(t.Context(), id, false); err == nil {
			t.Errorf("%s: it was settled", name)
		}
	}
	if b := w.sides()["alice"]; b.RefundEntries != 0 {
		t.Errorf("got %+v, want no entry", b)
	}
}

// Two that read the same state may keep different charges, if a person refunds one in part between
// the two. So the second begins after the first has ended.
func TestOneReconcilerAtATimeApplies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.subscribe("alice")
	kept := w.charged(w.invoice("alice"), 2)[0]
	waits, second := make(chan struct{}), make(chan error, 1)
	job := w.job(true)
	job.Found = func(reconcile.Report) {
		w.refundByHand(kept, 400)
		other := w.job(true)
		other.Waits = func() { close(waits) }
		go func() {
			_, err := w.reconciler().Run(t.Context(), other)
			second <- err
		}()
		<-waits
	}
	_, err := w.reconciler().Run(t.Context(), job)
	must(t, errors.Join(err, <-second))
	if b := w.sides()["alice"]; b.NetMinor < 1000 {
		t.Errorf("got %+v, want no more given back than one charge", b)
	}
}

func TestARunThatLosesItsLockEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tripled(1)
	job := w.job(true)
	job.Found = func(reconcile.Report) {
		w.sql(`SELECT pg_terminate_backend(pid) FROM pg_locks, ledger_identity
			WHERE locktype = 'advisory' AND objid = hashtext(id)::oid`) // not other tests' locks
		time.Sleep(3 * time.Second) // longer than the lock is asked for
	}
	if o, err := w.reconciler().Run(t.Context(), job); err == nil || len(o.Done) > 0 {
		t.Errorf("got %+v, %v, want it to end", o, err)
	}
}

// Somebody else refunded it first, and Stripe has since forgotten the key.
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
	w.wantSides(map[string]sides{"alice": once(2)})
}
