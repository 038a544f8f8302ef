// Package billingtest says what an implementation of a port of package billing must do, as suites
// of tests to run it through, and has the simplest implementations that pass them, in memory.
//
// A suite asks for a fresh implementation per test, and for what the port itself can't tell: what
// the ledger has, what Stripe has. The lock's suite is billing/locktest, where others can import
// it.
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

func january() billing.Period {
	return billing.PeriodOf(time.Date(2027, time.January, 1, 0, 0, 0, 0, time.UTC))
}

// Invoice returns the invoice of December for a subscription of $10.
func Invoice(subscription string) billing.Invoice {
	return billing.Invoice{Subscription: Subscription(subscription), Period: December()}
}
