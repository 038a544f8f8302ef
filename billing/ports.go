package billing

import (
	"context"
	"strconv"
)

// Outcome is the result of billing an invoice without an error.
type Outcome string

// The outcomes.
const (
	Billed        Outcome = "billed"         // charged and recorded by this server
	AlreadyBilled Outcome = "already billed" // the ledger has the charge
	Skipped       Outcome = "skipped"        // another server is billing it
)

// Biller is a mode at work: it protects an invoice, charges it and records the charge.
type Biller interface {
	// Bill bills one invoice. It is safe for concurrent use. Its error wraps one of billing.go's,
	// or what a port returned.
	Bill(ctx context.Context, inv Invoice) (Outcome, error)
}

// Invoices lists what is due.
type Invoices interface {
	// Due returns at most limit invoices of the period, ordered by their subscriptions' IDs, that
	// come after the ID after ("" for the beginning). It includes charged invoices, too: checking
	// is the mode's job, and a list may leave them out only for a mode that does check
	// (Mode.ChecksLedger).
	Due(ctx context.Context, p Period, after string, limit int) ([]Invoice, error)
	// Seek returns the ID after which to begin, so as to pass over the given share (0 to 1) of the
	// subscriptions; "" means the beginning.
	Seek(ctx context.Context, share float64) (after string, err error)
}

// Ledger remembers charges.
type Ledger interface {
	// Charged reports whether there is a charge entry for the invoice, refunded since or not. It
	// also returns the invoice as it is now: the caller may have listed it long ago. A subscription
	// that is gone from the list is returned as it was given.
	Charged(ctx context.Context, inv Invoice) (now Invoice, charged bool, err error)
	// Record adds an entry for a charge. A second call for the same PaymentIntent adds nothing; if
	// it contradicts the entry (another invoice, amount or currency), Record returns an error.
	Record(ctx context.Context, c Charge) error
}

// Charger takes money.
type Charger interface {
	// Charge takes the invoice's amount. Its errors are ErrDeclined, ErrUnknown or ErrNotSent; if
	// r.Valid stopped it, the error wraps Valid's, too. It sends nothing once ctx has ended.
	Charge(ctx context.Context, r Request) (Charge, error)
}

// Request is one invoice to charge.
type Request struct {
	Invoice Invoice
	// Key is the idempotency key. If empty, each call gets a fresh random key, as stripe-go makes
	// it: that keeps the call's own attempts from charging twice, but no other server's. A Charger
	// may put the ledger's ID before it, for accounts that several ledgers share.
	Key string
	// Valid is called before each attempt, and its error stops the call before that attempt.
	// If nil, every attempt may be sent.
	Valid func() error
	// Sending is called just before each attempt is sent, once Valid has allowed it. May be nil.
	Sending func()
}

// Start returns Valid's error, or calls Sending if there is none. A Charger or Intents calls it
// just before it hands an attempt to the network.
func (r Request) Start() error {
	if r.Valid != nil {
		if err := r.Valid(); err != nil {
			return err
		}
	}
	if r.Sending != nil {
		r.Sending()
	}
	return nil
}

// Locker grants leases.
type Locker interface {
	// Obtain returns a lease of the key. If another server holds it, Obtain returns ErrHeld at
	// once, without waiting.
	Obtain(ctx context.Context, key string) (Lease, error)
}

// FencedLocker grants leases that come with a fencing token.
type FencedLocker interface {
	Locker
	// ObtainFenced is Obtain, and numbers the key's leases in the same step: the token is higher
	// than the floor and than those of all earlier leases that the lock remembers.
	ObtainFenced(ctx context.Context, key string, floor Token) (Lease, Token, error)
}

// Lease is a lock held with a TTL.
type Lease interface {
	// Valid returns nil while no other server can hold the lease yet, by this server's clock, and
	// ErrLeaseLost after that. It never asks the network.
	Valid() error
	// Release gives the lease back, so that nobody has to wait for its TTL to end.
	Release(ctx context.Context) error
}

// Token is a fencing token: of an invoice's tokens, a later one is higher.
type Token int64

// Fence keeps the superseded holders of an invoice's lease out of the ledger.
type Fence interface {
	// Highest returns the invoice's highest token so far; 0 if there is none.
	Highest(ctx context.Context, inv Invoice) (Token, error)
	// Raise makes the token the invoice's highest. If it is not higher than the highest so far, it
	// returns ErrStale: another server has obtained the lease since.
	Raise(ctx context.Context, inv Invoice, t Token) error
	// Record is Ledger.Record for the holder of a token. If that is not the highest any more, it
	// records nothing and returns ErrStale.
	Record(ctx context.Context, c Charge, t Token) error
}

// Intent is a PaymentIntent as it was prepared: what it asks of whom. The zero Intent is none.
type Intent struct {
	ID          string // pi_…
	Customer    string // cus_…
	AmountMinor int64  // in the currency's smallest unit
	Currency    string // as in Subscription
}

// For reports whether the PaymentIntent asks what the subscription costs now, of its customer. The
// card doesn't matter: each confirmation brings its own.
func (i Intent) For(s Subscription) bool {
	return i.ID != "" && i == Intent{i.ID, s.Customer, s.AmountMinor, s.Currency}
}

// Claim gives one server the right to charge an invoice.
type Claim struct {
	Invoice    Invoice // with the subscription as it was when the claim was taken
	Generation int64   // raised each time the claim is taken
	Intent     Intent  // the PaymentIntent registered for the invoice; zero if none is yet
}

// Key returns the idempotency key for the owner's requests:
// <subscription>/<period>/<generation>.
func (c Claim) Key() string {
	return c.Invoice.String() + "/" + strconv.FormatInt(c.Generation, 10)
}

// Claims grants claims.
type Claims interface {
	// Take takes the invoice's claim, and answers with the invoice as it is now, as Ledger.Charged
	// does. It returns ErrCharged if the ledger has a charge for the
	// invoice, and ErrTaken if another server has the claim or it is too early for another attempt.
	Take(ctx context.Context, inv Invoice) (Claim, error)
	// Register registers a PaymentIntent for the invoice, and returns the registered one. If none
	// is registered, the first call wins, whoever owns the claim then. Only the claim's owner
	// replaces c.Intent, which must be canceled, and only if that is still the registered one. If
	// another server has taken the claim over, Register returns ErrTaken.
	Register(ctx context.Context, c Claim, i Intent) (registered Intent, err error)
	// Postpone counts a declined attempt, and gives the claim back for a later one. It does nothing
	// if another server has taken the claim over.
	Postpone(ctx context.Context, c Claim) error
	// Return gives the claim back at once after a request that was not sent, and counts no attempt.
	// It does nothing if another server has taken the claim over.
	Return(ctx context.Context, c Claim) error
}

// Intents charges in two steps. Only the second takes money.
type Intents interface {
	// Prepare creates an unconfirmed PaymentIntent for the invoice. Its errors are ErrUnknown or
	// ErrNotSent.
	Prepare(ctx context.Context, r Request) (Intent, error)
	// Confirm takes the money, with the invoice's payment method. If the PaymentIntent has already
	// succeeded, Confirm returns that charge. Its errors are ErrCanceled and those of
	// Charger.Charge.
	Confirm(ctx context.Context, intent string, r Request) (Charge, error)
	// Cancel ends a PaymentIntent for good, and returns ErrCanceled. If it has already succeeded,
	// Cancel returns that charge: what Stripe took, whatever the invoice asks. Its other errors are
	// ErrUnknown and ErrNotSent. It ignores the request's key.
	Cancel(ctx context.Context, intent string, r Request) (Charge, error)
}
