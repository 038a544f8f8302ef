// Package billingtest has the simplest implementations in memory of billing's ports, for tests.
// They pass the same contract suites as the real ones: the ledger's are in ledger's tests, and that
// of locks is billing/locktest, which other modules can import. For Stripe, see
// billing/stripetest.
package billingtest

import (
	"time"

	"example.com/triplecharge/billing"
)

// Subscription returns a valid subscription of $10.
func Subscription(id string) billing.Subscription {
	return billing.Subscription{
		ID: id, Customer: "cus_" + id, PaymentMethod: "pm_card_visa",
		AmountMinor: 1000, Currency: "usd",
	}
}

// December is the billing period of December 2026.
func December() billing.Period {
	return billing.PeriodOf(time.Date(2026, time.December, 1, 0, 0, 0, 0, time.UTC))
}

// Invoice returns the invoice of December for a subscription of $10.
func Invoice(subscription string) billing.Invoice {
	return billing.Invoice{Subscription: Subscription(subscription), Period: December()}
}
