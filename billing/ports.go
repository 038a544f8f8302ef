package billing

import (
	"context"
	"strconv"
)

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
	// Due returns the invoices of the period, in the order of their subscriptions' IDs: at most limit
	// of them, beginning behind the ID after ("" for the first). Charged ones, too: to ask is the
	// mode's business, and a list may leave them out only for one that does (Mode.Asks).
	Due(ctx context.Context, p Period, after string, limit int) ([]Invoice, error)
	// Seek returns the ID behind which a walk begins that passes over the given share (0 to 1) of
	// the subscriptions; "" for the beginning.
	Seek(ctx context.Context, share float64) (after string, err error)
}

// Ledger remembers charges.
type Ledger interface {
	// Charged reports whether an entry says that the invoice was charged, refunded since or not.
	Charged(ctx context.Context, inv Invoice) (bool, error)
	// Record adds the entry of a charge; a second call for the same PaymentIntent adds nothing, and
	// one that contradicts what is there (another invoice, amount or currency) is an error.
	Record(ctx context.Context, c Charge) error
}

// Charger takes money.
type Charger interface {
	// Charge takes the invoice's amount. Its errors are ErrDeclined, ErrUnknown or ErrNotSent, and
	// wrap what Trusted said if that is what stopped it. It sends nothing once ctx has ended.
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

// Token is a fencing token: of two for one invoice, the later is the higher.
type Token int64

// Fence numbers the holders of an invoice's lease, and keeps those that were overtaken out of the
// ledger.
type Fence interface {
	// Issue returns a token that is higher than all before it.
	Issue(ctx context.Context, inv Invoice) (Token, error)
	// Record is Ledger.Record for a holder; ErrStale if a higher token has been issued since.
	Record(ctx context.Context, c Charge, t Token) error
}

// Claim gives one server the right to charge an invoice.
type Claim struct {
	Invoice    Invoice
	Generation int64  // raised with each taking
	Intent     string // the PaymentIntent registered for the invoice, pi_…; "" if none is yet
}

// Key returns the idempotency key of what the claim's owner sends:
// <subscription>/<period>/<generation>.
func (c Claim) Key() string {
	return c.Invoice.String() + "/" + strconv.FormatInt(c.Generation, 10)
}

// Claims hands out claims.
type Claims interface {
	// Take takes the invoice's claim. ErrCharged if the ledger has a charge of the invoice; ErrTaken
	// if another server has the claim, or it is not time for the next attempt.
	Take(ctx context.Context, inv Invoice) (Claim, error)
	// Register makes a PaymentIntent the only one that may be confirmed for the invoice, and
	// returns the one that is: the first that was registered, whoever owned the claim.
	Register(ctx context.Context, c Claim, intent string) (registered string, err error)
	// Postpone ends an attempt that took no money, and gives the claim back for the next. It does
	// nothing if the claim has been taken over since.
	Postpone(ctx context.Context, c Claim) error
}

// Intents charges in two steps, of which only the second takes money.
type Intents interface {
	// Prepare creates a PaymentIntent for the invoice that is not confirmed, and returns its ID.
	// Its errors are ErrUnknown or ErrNotSent.
	Prepare(ctx context.Context, r Request) (intent string, err error)
	// Confirm takes the money, with the customer's payment method. A PaymentIntent that has
	// succeeded already is a charge like any other. Its errors are those of Charger.Charge.
	Confirm(ctx context.Context, intent string, r Request) (Charge, error)
}
