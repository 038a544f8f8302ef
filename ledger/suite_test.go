package ledger_test

import (
	"context"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
)

// The ports in memory stand for the ledger where billing's modes are tested and the explorer is
// compared with them, so they pass the ledger's suites, too.
func TestMemoryPortsPassTheSuites(t *testing.T) {
	t.Parallel()
	t.Run("Claims", func(t *testing.T) { claimsSuite(t, memoryClaims) })
	t.Run("Fence", func(t *testing.T) {
		fenceSuite(t, func(*testing.T) fencePorts {
			l := new(billingtest.MemoryLedger)
			return fencePorts{&billingtest.MemoryFence{Ledger: l}, l, counted(l)}
		})
	})
	t.Run("Invoices", func(t *testing.T) {
		invoicesSuite(t, func(_ *testing.T, subs []billing.Subscription) billing.Invoices {
			return billingtest.NewMemoryInvoices(subs...)
		})
	})
	t.Run("Ledger", func(t *testing.T) {
		ledgerSuite(t, func(*testing.T) (billing.Ledger, func(billing.Invoice) int) {
			l := new(billingtest.MemoryLedger)
			return l, counted(l)
		})
	})
}

// counted returns a function that counts an invoice's charges.
func counted(l *billingtest.MemoryLedger) func(billing.Invoice) int {
	return func(inv billing.Invoice) int { return len(l.Charges(inv)) }
}

func memoryClaims(*testing.T) claimPorts {
	const limit = 3
	ledger := new(billingtest.MemoryLedger)
	claims := &billingtest.MemoryClaims{Ledger: ledger, Limit: limit}
	final := &billingtest.MemoryClaims{Ledger: ledger, Limit: limit, Final: true}
	return claimPorts{
		Claims: claims,
		Final:  final,
		Limit:  limit,
		Ledger: ledger,
		Change: ledger.Change,
		Expire: func(inv billing.Invoice) {
			claims.Expire(inv)
			final.Expire(inv)
		},
		EndPause: func(inv billing.Invoice) {
			claims.EndPause(inv)
			final.EndPause(inv)
		},
	}
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

func january() billing.Period {
	return billing.PeriodOf(time.Date(2027, time.January, 1, 0, 0, 0, 0, time.UTC))
}

// inJanuary returns the next invoice of the subscription.
func inJanuary(subscription string) billing.Invoice {
	return billing.Invoice{Subscription: billingtest.Subscription(subscription), Period: january()}
}

func endedContext(t *testing.T) context.Context {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	return ended
}
