package billing

import "context"

// Outcome says how a mode left an invoice that it handled without an error.
type Outcome string

// The outcomes.
const (
	Billed        Outcome = "billed"         // charged and recorded by this server
	AlreadyBilled Outcome = "already billed" // the ledger has the charge
	Skipped       Outcome = "skipped"        // another server is at it
)

// Biller is a mode at work: it protects an invoice, charges it and records the charge.
type Biller interface {
	Bill(ctx context.Context, inv Invoice) (Outcome, error)
}

// Invoices lists what is due.
type Invoices interface {
	// Due returns the invoices of the period, charged or not, in the order of their subscriptions'
	// IDs: at most limit of them, beginning behind the ID after ("" for the first).
	Due(ctx context.Context, p Period, after string, limit int) ([]Invoice, error)
	// Seek returns the ID behind which a walk begins that passes over the given share (0 to 1) of
	// the subscriptions; "" for the beginning.
	Seek(ctx context.Context, share float64) (after string, err error)
}

// Ledger remembers charges.
type Ledger interface {
	// Charged reports whether an entry says that the invoice was charged, refunded since or not.
	Charged(ctx context.Context, inv Invoice) (bool, error)
	// Record adds the entry of a charge; a second call for the same PaymentIntent adds nothing.
	Record(ctx context.Context, c Charge) error
}

// Charger takes money.
type Charger interface {
	// Charge takes the invoice's amount. Its errors are ErrDeclined, ErrUnknown or ErrNotSent, and
	// wrap what Trusted said if that is what stopped it.
	Charge(ctx context.Context, r Request) (Charge, error)
}

// Request is one invoice to charge.
type Request struct {
	Invoice Invoice
	// Key is the idempotency key. Empty: a fresh random one for each call, as stripe-go makes; it
	// keeps the call's own attempts from charging twice, and no other server's.
	Key string
	// Trusted is asked before each attempt to send; an error stops the call before that attempt.
	// Nil: always trusted.
	Trusted func() error
}

// Locker hands out leases.
type Locker interface {
	// Obtain returns the lease of the key; ErrHeld, without waiting, if another server has it.
	Obtain(ctx context.Context, key string) (Lease, error)
}

// Lease is a lock held with a TTL.
type Lease interface {
	// Trusted returns nil while no other server can hold the lease, then ErrLeaseLost. It asks the
	// clock, never the network.
	Trusted() error
	// Release gives the lease back, so that nobody has to wait for its TTL.
	Release(ctx context.Context) error
}
