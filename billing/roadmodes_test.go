package billing_test

import (
	"testing"

	"example.com/triplecharge/billing"
)

// The modes on the road from the lock to exactly once; redlock is locked, over another lock.

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
		{"says so if it can't record", script{record: errPort},
			"charged, charge, record", "", errPort},
		{"records what was charged while it was stopped", script{stopped: true},
			"charged, charge, record", billing.Billed, nil},
	})
}

func TestRedlock(t *testing.T) {
	t.Parallel()
	testMode(t, "redlock", []row{
		{"is locked", script{}, "obtain lock:billing:alice:2026-12, trusted, charged, trusted, " +
			"charge, record, release", billing.Billed, nil},
	})
}

func TestFenced(t *testing.T) {
	t.Parallel()
	const issue = "obtain lock:billing:alice:2026-12, issue"
	testMode(t, "fenced", []row{
		{"bills", script{}, issue + ", trusted, charged, trusted, charge, record under 7, release",
			billing.Billed, nil},
		{"skips what another server holds", script{obtain: billing.ErrHeld},
			"obtain lock:billing:alice:2026-12", billing.Skipped, nil},
		{"charges nobody without a token", script{issue: errPort},
			issue + ", release", "", errPort},
		{"asks and sends nothing if the lease is lost", script{trusted: []error{lost}},
			issue + ", trusted, release", "", billing.ErrLeaseLost},
		{"asks the ledger again: late, it charges nobody", script{charged: true},
			issue + ", trusted, charged, release", billing.AlreadyBilled, nil},
		{"sends nothing if the ledger doesn't answer", script{recheck: errPort},
			issue + ", trusted, charged, release", "", errPort},
		{"sends nothing if the lease is lost meanwhile", script{trusted: []error{nil, lost}},
			issue + ", trusted, charged, trusted, release", "", billing.ErrLeaseLost},
		{"releases if the charge fails", script{charge: billing.ErrDeclined},
			issue + ", trusted, charged, trusted, charge, release", "", billing.ErrDeclined},
		{"says so if it was overtaken", script{record: billing.ErrStale},
			issue + ", trusted, charged, trusted, charge, record under 7, release",
			"", billing.ErrStale},
		{"finishes what it began when stopped", script{stopped: true},
			issue + ", trusted, charged, trusted, charge, record under 7, release",
			billing.Billed, nil},
	})
}

func TestIdempotent(t *testing.T) {
	t.Parallel()
	testMode(t, "idempotent", []row{
		{"bills under the invoice's key", script{},
			"charge alice/2026-12, record", billing.Billed, nil},
		{"records nothing that wasn't charged", script{charge: billing.ErrUnknown},
			"charge alice/2026-12", "", billing.ErrUnknown},
		{"says so if it can't record", script{record: errPort},
			"charge alice/2026-12, record", "", errPort},
		{"records what was charged while it was stopped", script{stopped: true},
			"charge alice/2026-12, record", billing.Billed, nil},
	})
}

func TestClaimed(t *testing.T) {
	t.Parallel()
	const charge = "take, charge alice/2026-12/3"
	testMode(t, "claimed", []row{
		{"bills", script{},
			charge + ", record", billing.Billed, nil},
		{"skips what another server has claimed", script{take: billing.ErrTaken},
			"take", billing.Skipped, nil},
		{"charges nobody who is charged", script{take: billing.ErrCharged},
			"take", billing.AlreadyBilled, nil},
		{"charges nobody without a claim", script{take: errPort},
			"take", "", errPort},
		{"gives the claim back after a decline", script{charge: billing.ErrDeclined},
			charge + ", postpone 3", "", billing.ErrDeclined},
		{"gives the claim back if nothing was sent", script{charge: billing.ErrNotSent},
			charge + ", postpone 3", "", billing.ErrNotSent},
		{"gives it back also when stopped",
			script{charge: billing.ErrDeclined, stopped: true},
			charge + ", postpone 3", "", billing.ErrDeclined},
		{"says so if it can't give it back",
			script{charge: billing.ErrDeclined, postpone: errPort},
			charge + ", postpone 3", "", errPort},
		{"keeps the claim if the outcome is unknown", script{charge: billing.ErrUnknown},
			charge, "", billing.ErrUnknown},
		{"says so if it can't record", script{record: errPort},
			charge + ", record", "", errPort},
		{"records what was charged while it was stopped", script{stopped: true},
			charge + ", record", billing.Billed, nil},
	})
}

func TestExactlyOnce(t *testing.T) {
	t.Parallel()
	const (
		register = "take, prepare alice/2026-12/3, register pi_own"
		confirm  = register + ", confirm pi_own alice/2026-12/3/confirm"
	)
	testMode(t, "exactly-once", []row{
		{"bills", script{},
			confirm + ", record", billing.Billed, nil},
		{"skips what another server has claimed", script{take: billing.ErrTaken},
			"take", billing.Skipped, nil},
		{"charges nobody who is charged", script{take: billing.ErrCharged},
			"take", billing.AlreadyBilled, nil},
		{"charges nobody without a claim", script{take: errPort},
			"take", "", errPort},
		{"confirms the PaymentIntent that the claim has", script{claimed: "pi_first"},
			"take, confirm pi_first alice/2026-12/3/confirm, record pi_first", billing.Billed, nil},
		{"confirms the one that was registered first", script{registered: "pi_first"},
			register + ", confirm pi_first alice/2026-12/3/confirm, record pi_first",
			billing.Billed, nil},
		{"confirms nothing that it couldn't prepare", script{prepare: billing.ErrUnknown},
			"take, prepare alice/2026-12/3", "", billing.ErrUnknown},
		{"confirms nothing that it couldn't register", script{register: errPort},
			register, "", errPort},
		{"postpones after a decline", script{confirm: billing.ErrDeclined},
			confirm + ", postpone 3", "", billing.ErrDeclined},
		{"postpones also when stopped", script{confirm: billing.ErrDeclined, stopped: true},
			confirm + ", postpone 3", "", billing.ErrDeclined},
		{"says so if it can't postpone", script{confirm: billing.ErrDeclined, postpone: errPort},
			confirm + ", postpone 3", "", errPort},
		{"leaves the claim if the outcome is unknown", script{confirm: billing.ErrUnknown},
			confirm, "", billing.ErrUnknown},
		{"leaves the claim if nothing was sent", script{confirm: billing.ErrNotSent},
			confirm, "", billing.ErrNotSent},
		{"says so if it can't record", script{record: errPort},
			confirm + ", record", "", errPort},
		{"records what was charged while it was stopped", script{stopped: true},
			confirm + ", record", billing.Billed, nil},
	})
}
