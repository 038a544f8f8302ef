package billing_test

import (
	"testing"

	"example.com/triplecharge/billing"
)

func TestIdempotent(t *testing.T) {
	t.Parallel()
	testMode(t, "idempotent", []row{
		{"bills under the invoice's key", script{},
			"charge alice/2026-12, record", billing.Billed, nil},
		{"records nothing that wasn't charged", script{charge: billing.ErrUnknown},
			"charge alice/2026-12", "", billing.ErrUnknown},
		{"returns the error if it can't record", script{record: errPort},
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
			charge + ", return 3", "", billing.ErrNotSent},
		{"gives it back unsent also when stopped",
			script{charge: billing.ErrNotSent, stopped: true},
			charge + ", return 3", "", billing.ErrNotSent},
		{"returns the error if it can't give it back unsent",
			script{charge: billing.ErrNotSent, back: errPort},
			charge + ", return 3", "", errPort},
		{"gives it back also when stopped",
			script{charge: billing.ErrDeclined, stopped: true},
			charge + ", postpone 3", "", billing.ErrDeclined},
		{"returns the error if it can't give it back",
			script{charge: billing.ErrDeclined, postpone: errPort},
			charge + ", postpone 3", "", errPort},
		{"keeps the claim if the outcome is unknown", script{charge: billing.ErrUnknown},
			charge, "", billing.ErrUnknown},
		{"returns the error if it can't record", script{record: errPort},
			charge + ", record", "", errPort},
		{"records what was charged while it was stopped", script{stopped: true},
			charge + ", record", billing.Billed, nil},
	})
}

func TestExactlyOnce(t *testing.T) {
	t.Parallel()
	const (
		register = "take, prepare alice/2026-12/3, register pi_own"
		key      = "alice/2026-12/3"
		confirm  = register + ", confirm pi_own " + key + "/confirm/pi_own"
		first    = "take, confirm pi_first " + key + "/confirm/pi_first"
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
			first + ", record pi_first", billing.Billed, nil},
		{"confirms the one that was registered first", script{registered: "pi_first"},
			register + ", confirm pi_first " + key + "/confirm/pi_first, record pi_first",
			billing.Billed, nil},
		{"confirms nothing that it couldn't prepare", script{prepare: billing.ErrUnknown},
			"take, prepare alice/2026-12/3", "", billing.ErrUnknown},
		{"confirms nothing that it couldn't register", script{register: errPort},
			register, "", errPort},
		{"postpones after a decline", script{confirm: billing.ErrDeclined},
			confirm + ", postpone 3", "", billing.ErrDeclined},
		{"postpones also when stopped", script{confirm: billing.ErrDeclined, stopped: true},
			confirm + ", postpone 3", "", billing.ErrDeclined},
		{"returns the error if it can't postpone",
			script{confirm: billing.ErrDeclined, postpone: errPort},
			confirm + ", postpone 3", "", errPort},
		{"leaves the claim if the outcome is unknown", script{confirm: billing.ErrUnknown},
			confirm, "", billing.ErrUnknown},
		{"gives the claim back if nothing was sent", script{confirm: billing.ErrNotSent},
			confirm + ", return 3", "", billing.ErrNotSent},
		{"gives it back if not even a PaymentIntent was asked for",
			script{prepare: billing.ErrNotSent},
			"take, prepare alice/2026-12/3, return 3", "", billing.ErrNotSent},
		{"gives it back also when stopped", script{confirm: billing.ErrNotSent, stopped: true},
			confirm + ", return 3", "", billing.ErrNotSent},
		{"returns the error if it can't give it back",
			script{confirm: billing.ErrNotSent, back: errPort},
			confirm + ", return 3", "", errPort},
		{"returns the error if it can't record", script{record: errPort},
			confirm + ", record", "", errPort},
		{"records what was charged while it was stopped", script{stopped: true},
			confirm + ", record", billing.Billed, nil},
	})
}

func TestExactlyOnceReplacesAPaymentIntent(t *testing.T) {
	t.Parallel()
	const (
		key     = "alice/2026-12/3"
		instead = ", prepare " + key + "/instead-of/pi_first, register pi_own"
		first   = "take, confirm pi_first " + key + "/confirm/pi_first"
		again   = ", confirm pi_own " + key + "/confirm/pi_own"
	)
	canceled := billing.ErrCanceled
	testMode(t, "exactly-once", []row{
		{"replaces what is canceled", script{claimed: "pi_first", confirm: canceled},
			first + instead + again + ", record", billing.Billed, nil},
		{"cancels what the invoice doesn't ask any more, and replaces it",
			script{claimed: "pi_first", stale: true, cancel: canceled},
			"take, cancel pi_first" + instead + again + ", record", billing.Billed, nil},
		{"records a charge that it finds instead of canceling it",
			script{claimed: "pi_first", stale: true},
			"take, cancel pi_first, record pi_first", billing.Billed, nil},
		{"replaces nothing that may not be canceled",
			script{claimed: "pi_first", stale: true, cancel: billing.ErrUnknown},
			"take, cancel pi_first", "", billing.ErrUnknown},
		{"leaves if it is superseded, and confirms nothing",
			script{claimed: "pi_first", confirm: canceled, register: billing.ErrTaken},
			first + instead, billing.Skipped, nil},
		{"replaces once only", script{
			claimed: "pi_first", confirm: canceled, confirmNext: canceled,
		}, first + instead + again + ", return 3", "", canceled},
		{"charges what the subscription costs now", script{moved: true},
			"take, prepare " + key + ", register pi_own" + again + " 1001, record",
			billing.Billed, nil},
	})
}
