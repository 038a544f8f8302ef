package billing

import (
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Subscription is a customer's standing agreement to pay an amount each billing period.
type Subscription struct {
	ID            string // our name, such as "alice"; part of every lock and idempotency key
	Customer      string // Stripe's ID, cus_…
	PaymentMethod string // Stripe's ID of the saved card to charge, pm_…
	AmountMinor   int64  // in the currency's smallest unit: 1000 is $10.00, or ¥1000
	Currency      string // ISO 4217 in lower case, as Stripe writes it: "usd"
}

// Compiled once, because a list of a million subscriptions is validated row by row.
var (
	idPattern       = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
	currencyPattern = regexp.MustCompile(`^[a-z]{3}$`)
)

// Validate returns nil if the subscription can be billed, and otherwise an error that names the
// first thing wrong with it. IDs become parts of keys, so only letters, digits, dots, dashes and
// underscores are allowed in them.
func (s Subscription) Validate() error {
	switch {
	case !idPattern.MatchString(s.ID):
		return fmt.Errorf("id %q: want 1 to 100 letters, digits, dots, dashes or underscores", s.ID)
	case s.Customer == "":
		return errors.New("customer is empty")
	case s.PaymentMethod == "":
		return errors.New("payment method is empty")
	case s.AmountMinor <= 0:
		return fmt.Errorf("amount %d: want more than zero", s.AmountMinor)
	case !currencyPattern.MatchString(s.Currency):
		return fmt.Errorf("currency %q: want three lower-case letters, such as usd", s.Currency)
	}
	return nil
}

// Period is a billing period: one calendar month. The zero Period is not a month.
type Period struct {
	year  int
	month time.Month
}

// PeriodOf returns the billing period that t falls in, in t's location. The caller chooses the
// location, because midnight on the first in Tokyo is still last month in UTC.
func PeriodOf(t time.Time) Period { return Period{t.Year(), t.Month()} }

// Validate returns an error unless the period is a month of the years 1 to 9999, which keys, the
// ledger and Stripe's metadata can name.
func (p Period) Validate() error {
	if p.year < 1 || p.year > 9999 || p.month < time.January || p.month > time.December {
		return fmt.Errorf("billing period %q: want a month of the years 1 to 9999", p)
	}
	return nil
}

// ParsePeriod parses a period as Period.String formats it, such as "2026-12".
func ParsePeriod(s string) (Period, error) {
	t, err := time.Parse("2006-01", s)
	if err != nil {
		return Period{}, fmt.Errorf("billing period %q: want year-month, such as 2026-12", s)
	}
	p := PeriodOf(t)
	return p, p.Validate()
}

// String returns year-month, such as "2026-12".
func (p Period) String() string { return fmt.Sprintf("%04d-%02d", p.year, p.month) }

// Invoice is one subscription in one billing period: the thing that must be charged exactly once.
type Invoice struct {
	Subscription Subscription
	Period       Period
}

// String returns <subscription>/<period>, the invoice's name in keys, output and errors: such as
// "alice/2026-12".
func (i Invoice) String() string { return i.Subscription.ID + "/" + i.Period.String() }

// LockKey returns the key of the invoice's lease: lock:billing:<subscription>:<period>.
func (i Invoice) LockKey() string {
	return "lock:billing:" + i.Subscription.ID + ":" + i.Period.String()
}

// Charge is money taken from the card: a Stripe PaymentIntent that succeeded.
type Charge struct {
	Invoice       Invoice
	PaymentIntent string // pi_…; it succeeds at most once, so its ID identifies the charge
	AmountMinor   int64  // what Stripe took, in the currency's smallest unit
	Currency      string // as in Subscription
}

// How a request that moves money can end without a charge. A caller acts differently on each.
var (
	// ErrDeclined: the card was declined. No money moved, and the same card will likely be
	// declined again.
	ErrDeclined = errors.New("card declined")
	// ErrUnknown: Stripe may or may not have taken the money. Never treat it as failed: a charge
	// whose reply was lost is as real as any other.
	ErrUnknown = errors.New("outcome unknown")
	// ErrNotSent: Stripe executed no request of this call. Either none left this server, or Stripe
	// refused each one before acting on it (a bad API key, a bad parameter, a rate limit). No money
	// moved.
	ErrNotSent = errors.New("charge not sent")
	// ErrCanceled: the PaymentIntent is canceled. It took no money and never will.
	ErrCanceled = errors.New("payment intent canceled")
)

// ErrUnavailable: a port's dependency (Redis, Postgres, Stripe) did not answer, or refused all
// work, for as long as the port had patience. The call may be made again later, unless the error
// wraps ErrUnknown, too.
var ErrUnavailable = errors.New("unavailable")

// How asking for a lease, or relying on one, can fail.
var (
	// ErrHeld: another server holds the lease.
	ErrHeld = errors.New("lease held by another server")
	// ErrLeaseLost: the lease is not valid any more; another server may already hold it.
	ErrLeaseLost = errors.New("lease lost")
	// ErrStale: the lease was superseded; its later holder has a higher fencing token.
	ErrStale = errors.New("fencing token is stale")
)

// Why a claim can't be taken.
var (
	// ErrTaken: another server has the claim, or it is too early for the next attempt.
	ErrTaken = errors.New("invoice claimed")
	// ErrCharged: the ledger already has a charge for the invoice.
	ErrCharged = errors.New("invoice charged already")
)
