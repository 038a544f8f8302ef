package billing_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
)

var (
	errPort = errors.New("no answer")
	lost    = billing.ErrLeaseLost
)

// row is a script for the ports, with the calls that the mode must make, in their order, and the
// outcome.
type row struct {
	behaviour string
	ports     script
	calls     string
	want      billing.Outcome
	err       error
}

func testMode(t *testing.T, mode string, rows []row) {
	t.Helper()
	for _, r := range rows {
		t.Run(r.behaviour, func(t *testing.T) {
			t.Parallel()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			r.ports.stop = stop
			mode := mustMode(t, mode, billing.Ports{
				Ledger: &r.ports, Charger: &r.ports, Locker: &r.ports, Intents: &r.ports,
				Fence: scriptFence{&r.ports}, Fenced: &r.ports, Claims: &r.ports, Final: &r.ports,
			})
			got, err := mode.Bill(ctx, billingtest.Invoice("alice"))
			if got != r.want || !errors.Is(err, r.err) {
				t.Errorf("got %q, %v; want %q, %v", got, err, r.want, r.err)
			}
			if calls := strings.Join(r.ports.calls, ", "); calls != r.calls {
				t.Errorf("called %s\nwant   %s", calls, r.calls)
			}
		})
	}
}

func TestModesNameTheLockTheyRelyOn(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]billing.Lock{
		"uncoordinated": billing.NoLock,
		"check-first":   billing.NoLock,
		"naive-lock":    billing.NaiveLock,
		"locked":        billing.SafeLock,
		"redlock":       billing.QuorumLock,
		"fenced":        billing.SafeLock,
		"idempotent":    billing.NoLock,
		"claimed":       billing.NoLock,
		"exactly-once":  billing.NoLock,
	} {
		if m, err := billing.ModeNamed(mode); err != nil || m.Lock != want {
			t.Errorf("%s: got %q, %v, want %q", mode, m.Lock, err, want)
		}
	}
}

func TestUncoordinated(t *testing.T) {
	t.Parallel()
	testMode(t, "uncoordinated", []row{
		{"bills", script{},
			"charge, record", billing.Billed, nil},
		{"asks nobody whether the invoice is charged", script{charged: true},
			"charge, record", billing.Billed, nil},
		{"records nothing that wasn't charged", script{charge: billing.ErrDeclined},
			"charge", "", billing.ErrDeclined},
		{"returns the error if it can't record", script{record: errPort},
			"charge, record", "", errPort},
		{"records what was charged while it was stopped", script{stopped: true},
			"charge, record", billing.Billed, nil},
	})
}

func TestCheckFirst(t *testing.T) {
	t.Parallel()
	testMode(t, "check-first", []row{
		{"bills", script{},
			"charged, charge, record", billing.Billed, nil},
		{"asks the ledger: late, it charges nobody", script{charged: true},
			"charged", billing.AlreadyBilled, nil},
		{"sends nothing if the ledger doesn't answer", script{recheck: errPort},
			"charged", "", errPort},
		{"records nothing that wasn't charged", script{charge: billing.ErrDeclined},
			"charged, charge", "", billing.ErrDeclined},
		{"returns the error if it can't record", script{record: errPort},
			"charged, charge, record", "", errPort},
		{"records what was charged while it was stopped", script{stopped: true},
			"charged, charge, record", billing.Billed, nil},
	})
}

func TestNaiveLock(t *testing.T) {
	t.Parallel()
	const obtain = "obtain lock:billing:alice"
	testMode(t, "naive-lock", []row{
		{"bills", script{},
			obtain + ", charge, record, release", billing.Billed, nil},
		{"skips what another server holds", script{obtain: billing.ErrHeld},
			obtain, billing.Skipped, nil},
		{"charges nobody without the lock", script{obtain: errPort},
			obtain, "", errPort},
		{"asks nobody: late, it charges again", script{charged: true},
			obtain + ", charge, record, release", billing.Billed, nil},
		{"watches nothing: slow, it charges again", script{valid: []error{lost}},
			obtain + ", charge, record, release", billing.Billed, nil},
		{"releases if the charge fails", script{charge: billing.ErrUnknown},
			obtain + ", charge, release", "", billing.ErrUnknown},
		{"releases if it can't record", script{record: errPort},
			obtain + ", charge, record, release", "", errPort},
		{"finishes what it began when stopped", script{stopped: true},
			obtain + ", charge, record, release", billing.Billed, nil},
	})
}

func TestLocked(t *testing.T) {
	t.Parallel()
	const obtain = "obtain lock:billing:alice:2026-12"
	testMode(t, "locked", []row{
		{"bills", script{},
			obtain + ", valid, charged, valid, charge, record, release", billing.Billed, nil},
		{"skips what another server holds", script{obtain: billing.ErrHeld},
			obtain, billing.Skipped, nil},
		{"charges nobody without the lease", script{obtain: errPort},
			obtain, "", errPort},
		{"asks the ledger again: late, it charges nobody", script{charged: true},
			obtain + ", valid, charged, release", billing.AlreadyBilled, nil},
		{"asks and sends nothing if the lease is lost", script{valid: []error{lost}},
			obtain + ", valid, release", "", billing.ErrLeaseLost},
		{"sends nothing if the ledger doesn't answer", script{recheck: errPort},
			obtain + ", valid, charged, release", "", errPort},
		{"sends nothing if the lease is lost meanwhile", script{valid: []error{nil, lost}},
			obtain + ", valid, charged, valid, release", "", billing.ErrLeaseLost},
		{"records also if the lease is lost after the charge",
			script{valid: []error{nil, nil, lost}},
			obtain + ", valid, charged, valid, charge, record, release", billing.Billed, nil},
		{"releases if the charge fails", script{charge: billing.ErrDeclined},
			obtain + ", valid, charged, valid, charge, release", "", billing.ErrDeclined},
		{"releases if it can't record", script{record: errPort},
			obtain + ", valid, charged, valid, charge, record, release", "", errPort},
		{"has billed also if the release fails", script{release: errPort},
			obtain + ", valid, charged, valid, charge, record, release", billing.Billed, nil},
		{"finishes what it began when stopped", script{stopped: true},
			obtain + ", valid, charged, valid, charge, record, release", billing.Billed, nil},
	})
}

func mustMode(t *testing.T, name string, ports billing.Ports) billing.Biller {
	t.Helper()
	mode, err := billing.ModeNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	return mode.New(ports)
}

func TestRedlock(t *testing.T) {
	t.Parallel()
	testMode(t, "redlock", []row{
		{"is locked", script{}, "obtain lock:billing:alice:2026-12, valid, charged, valid, " +
			"charge, record, release", billing.Billed, nil},
	})
}

func TestFenced(t *testing.T) {
	t.Parallel()
	const obtain = "highest, obtain lock:billing:alice:2026-12 above 6"
	const raise = obtain + ", raise to 7"
	testMode(t, "fenced", []row{
		{"bills", script{}, raise + ", valid, charged, valid, charge, record under 7, release",
			billing.Billed, nil},
		{"skips what another server holds", script{obtain: billing.ErrHeld},
			obtain, billing.Skipped, nil},
		{"asks for no lease without a floor", script{highest: errPort}, "highest", "", errPort},
		{"charges nobody if the ledger doesn't learn the token", script{raise: errPort},
			raise + ", release", "", errPort},
		{"asks and sends nothing if it is superseded", script{raise: billing.ErrStale},
			raise + ", release", "", billing.ErrStale},
		{"asks and sends nothing if the lease is lost", script{valid: []error{lost}},
			raise + ", valid, release", "", billing.ErrLeaseLost},
		{"asks the ledger again: late, it charges nobody", script{charged: true},
			raise + ", valid, charged, release", billing.AlreadyBilled, nil},
		{"sends nothing if the ledger doesn't answer", script{recheck: errPort},
			raise + ", valid, charged, release", "", errPort},
		{"sends nothing if the lease is lost meanwhile", script{valid: []error{nil, lost}},
			raise + ", valid, charged, valid, release", "", billing.ErrLeaseLost},
		{"releases if the charge fails", script{charge: billing.ErrDeclined},
			raise + ", valid, charged, valid, charge, release", "", billing.ErrDeclined},
		{"returns the error if it was superseded", script{record: billing.ErrStale},
			raise + ", valid, charged, valid, charge, record under 7, release",
			"", billing.ErrStale},
		{"finishes what it began when stopped", script{stopped: true},
			raise + ", valid, charged, valid, charge, record under 7, release",
			billing.Billed, nil},
	})
}

// A page of the list may be old when an invoice's turn comes. A mode that asks the ledger is told
// what the customer has and owes now; the others charge what they read.
func TestModesThatAskChargeWhatTheInvoiceAsksNow(t *testing.T) {
	t.Parallel()
	for _, m := range billing.Modes() {
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			stripe := newTestStripe(t)
			listed := stripe.invoice(t, "Alice", "pm_card_visa")
			now := stripe.invoice(t, "Bob", "pm_card_mastercard")
			now.Subscription.AmountMinor++
			var ledger billingtest.MemoryLedger
			claims := &billingtest.MemoryClaims{Ledger: &ledger}
			ledger.Change(now.Subscription)
			outcome, err := m.New(billing.Ports{
				Ledger: &ledger, Charger: stripe.client, Intents: stripe.client,
				Claims: claims, Final: claims,
				Locker: new(billingtest.MemoryLocker), Fenced: new(billingtest.MemoryLocker),
				Fence: &billingtest.MemoryFence{Ledger: &ledger},
			}).Bill(t.Context(), listed)
			want := listed
			if m.ChecksLedger {
				want = now
			}
			charges, entries := stripe.Charges(), ledger.Charges(listed)
			if outcome != billing.Billed || err != nil || len(charges) != 1 || len(entries) != 1 ||
				charges[0].Customer != want.Subscription.Customer ||
				charges[0].AmountMinor != want.Subscription.AmountMinor ||
				entries[0].PaymentIntent != charges[0].PaymentIntent ||
				entries[0].AmountMinor != charges[0].AmountMinor || entries[0].Invoice != want {
				t.Errorf("got %s, %v, charges %+v, entries %+v; want one of %+v",
					outcome, err, charges, entries, want)
			}
		})
	}
}
