// Package billingtest has a contract suite for each port of package billing and, in the files
// memory_*.go, the simplest implementations in memory that pass.
//
// A suite takes a function that returns a fresh implementation for each test, and one that counts
// the charges in the ledger or at Stripe, which the port itself can't do. The suite for locks is
// billing/locktest, which other modules can import.
package billingtest

import (
	"context"
	"testing"
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

// suite returns a function that runs a test on a fresh implementation. The tests run in parallel:
// some wait for an implementation's pauses.
func suite[F any](
	t *testing.T, fresh func(*testing.T) F,
) (run func(name string, test func(*testing.T, F))) {
	return func(name string, test func(*testing.T, F)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, fresh(t))
		})
	}
}

func endedContext(t *testing.T) context.Context {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	return ended
}
