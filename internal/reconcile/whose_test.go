package reconcile_test

import (
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/internal/verdict"
	"example.com/triplecharge/ledger"
)

// Another application may use our names in its metadata, and another ledger certainly does.
func TestPaymentsOfOthersAreCountedAndLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.subscribe("alice", "bob")
	w.charged(w.invoice("alice"), 1)
	named := map[string]string{"subscription": "alice", "period": "2026-12"}
	w.pay(named)
	w.pay(nil)
	w.pay(map[string]string{"subscription": "zoe", "period": "2026-12"})
	w.pay(map[string]string{"subscription": "alice", "period": "2026-12", "ledger": "led_other"})

	o := w.run(true)
	if o.Found.Others != 4 || len(o.Found.Unattributed) != 0 || len(o.Done) != 0 {
		t.Errorf("got %+v, want four payments of others, and nothing done", o)
	}
	alice := invoiceIn(t, o.Found, "alice")
	if !alice.Is(verdict.Right) || len(alice.Remarks) != 1 {
		t.Errorf("alice: %+v, want her right, and a remark about the one without a ledger", alice)
	}
	if bob := invoiceIn(t, o.Found, "bob"); !bob.Is(verdict.Unbilled) {
		t.Errorf("bob: %+v, want him unbilled", bob)
	}
	w.charged(w.invoice("bob"), 1)
	if o := w.run(false); !o.OK {
		t.Errorf("got %+v, want all right: others' payments are no fault of this ledger", o)
	}
}

// Charges that were made before ledgers had IDs name none.
func TestAnOlderChargeIsTheLedgersThatNamesIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.subscribe("alice", "bob")
	ours := w.stripe
	w.stripe = w.client(w.url) // as it was
	w.charged(w.invoice("alice"), 2)
	bob := w.invoice("bob")
	w.confirm(bob, w.register(w.claim(bob, time.Minute), w.prepare(bob, 1)))
	w.stripe = ours

	o := w.run(false)
	if i := invoiceIn(t, o.Found, "alice"); !i.Is(verdict.Overcharged) || i.Charges != 2 {
		t.Errorf("alice: %+v, want her overcharged", i)
	}
	if i := invoiceIn(t, o.Found, "bob"); !i.Is(verdict.Unrecorded) {
		t.Errorf("bob: %+v, want his registered PaymentIntent unrecorded", i)
	}
	if o.Found.Others != 0 {
		t.Errorf("%d payments of others, want none", o.Found.Others)
	}
}

// Two ledgers in one Stripe account bill the same names at the same time.
func TestTwoLedgersInOneAccountDontMeet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := &world{
		t: t, sim: w.sim, control: w.control, url: w.url, dashboard: w.dashboard,
		database: servicetest.Database(t), period: w.period,
	}
	var err error
	other.store, err = ledger.Open(t.Context(), other.database, ledger.Options{Recorder: "b"})
	must(t, err)
	t.Cleanup(other.store.Close)
	other.stripe = other.client(w.url).ForLedger(other.store.ID())
	payer := billingtest.Subscription("payer")
	payer.Customer = "Alice"
	other.payer, err = other.stripe.SetUp(t.Context(), payer)
	must(t, err)
	if other.payer.Customer == w.payer.Customer {
		t.Error("both ledgers have one customer: the keys of their set-ups are the same")
	}
	for _, mode := range []string{"idempotent", "claimed", "exactly-once"} {
		for _, one := range []*world{w, other} {
			one.subscribe(mode)
			one.billWith(mode)
		}
	}
	for name, one := range map[string]*world{"first": w, "second": other} {
		r := one.run(false).Found
		if r.Counts[verdict.Right] != 3 || r.Others != 3 {
			t.Errorf("%s: got %+v, want three invoices right and three payments of others", name, r)
		}
		tally, err := reconcile.Audit(t.Context(), one.store, one.period,
			one.stripe.AllIntents(t.Context(), time.Unix(0, 0), time.Time{}))
		must(t, err)
		if tally.Counts[verdict.Right] != 3 {
			t.Errorf("%s: audited %+v, want three invoices right", name, tally)
		}
	}
}

// billWith bills the subscription called like the mode, in that mode.
func (w *world) billWith(mode string) {
	w.t.Helper()
	m, err := billing.ModeNamed(mode)
	must(w.t, err)
	biller := m.New(billing.Ports{
		Ledger: w.store, Charger: w.stripe, Intents: w.stripe,
		Claims: w.store.Claims(ledger.ClaimOptions{Lease: time.Minute}),
		Final:  w.store.Claims(ledger.ClaimOptions{}),
	})
	outcome, err := biller.Bill(w.t.Context(), w.invoice(mode))
	must(w.t, err)
	if outcome != billing.Billed {
		w.t.Errorf("%s: %s, want it billed", mode, outcome)
	}
}
