package billing

import (
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Subscription is a customer's standing agreement to pay an amount each billing period.
type Subscription struct {
	ID            string // ours, such as "alice"; part of every lock and idempotency key
	Customer      string // Stripe's, cus_…
	PaymentMethod string // Stripe's, pm_…: the saved card that is charged
	AmountMinor   int64  // in the currency's smallest unit: 1000 is $10.00, or ¥1000
	Currency      string // ISO 4217 in lower case, as Stripe writes it: "usd"
}

// Compiled once: a list of a million subscriptions is validated row by row.
var (
	idPattern       = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
	currencyPattern = regexp.MustCompile(`^[a-z]{3}$`)
)

// Validate reports the first thing that keeps the subscription from being billed. IDs become parts
// of keys, so they are kept to letters, digits, dot, dash and underscore.
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

// Period is the billing period, a calendar month. The zero Period is no month.
type Period struct {
	year  int
	month time.Month
}

// PeriodOf returns the billing period t falls in, by t's own location: midnight of the first in
// Tokyo is still last month in UTC, so the caller chooses the location.
func PeriodOf(t time.Time) Period { return Period{t.Year(), t.Month()} }

// ParsePeriod reads what Period.String prints, such as "2026-12".
func ParsePeriod(s string) (Period, error) {
	t, err := time.Parse("2006-01", s)
	if err != nil {
		return Period{}, fmt.Errorf("billing period %q: want year-month, such as 2026-12", s)
	}
	return PeriodOf(t), nil
}

func (p Period) String() string { return fmt.Sprintf("%04d-%02d", p.year, p.month) }

// Invoice is one subscription in one billing period: the thing that must be charged exactly once.
type Invoice struct {
	Subscription Subscription
	Period       Period
}

// String returns <subscription>/<period>, the invoice's name in keys, output and errors.
func (i Invoice) String() string { return i.Subscription.ID + "/" + i.Period.String() }

// LockKey returns the lease's key: lock:billing:<subscription>:<period>.
func (i Invoice) LockKey() string {
	return "lock:billing:" + i.Subscription.ID + ":" + i.Period.String()
}

// Charge is money taken from the card: a Stripe PaymentIntent that succeeded.
type Charge struct {
	Invoice       Invoice
	PaymentIntent string // pi_…: one PaymentIntent succeeds at most once, so it names the charge
	AmountMinor   int64  // what Stripe says it took
	Currency      string
}

// What can come of a request that moves money. A caller acts differently on each.
var (
	// ErrDeclined: the card said no. No money moved, and the same card will likely say no again.
	ErrDeclined = errors.New("card declined")
	// ErrUnknown: Stripe may or may not have taken the money. Never treat it as failed: the charge
	// whose reply was lost is as real as any other.
	ErrUnknown = errors.New("outcome unknown")
	// ErrNotSent: no request of this call was executed: none left this server, or Stripe refused
	// each one before it acted (a bad key, a bad parameter, a rate limit). No money moved.
	ErrNotSent = errors.New("charge not sent")
)

// What can come of asking for a lease, and of trusting one.
var (
	// ErrHeld: another server holds the lease.
	ErrHeld = errors.New("lease held by another server")
	// ErrLeaseLost: the lease can't be trusted any longer; it may already be another server's.
	ErrLeaseLost = errors.New("lease lost")
	// ErrStale: a later holder of the lease has a higher fencing token.
	ErrStale = errors.New("fencing token is stale")
)

// What can come of taking a claim.
var (
	// ErrTaken: another server has the claim, or the next attempt's time has not come.
	ErrTaken = errors.New("invoice claimed")
	// ErrCharged: the ledger has a charge of the invoice.
	ErrCharged = errors.New("invoice charged already")
)
