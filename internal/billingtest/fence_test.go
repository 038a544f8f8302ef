package billingtest_test

import (
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
)

func TestMemoryFence(t *testing.T) {
	t.Parallel()
	billingtest.Fence(t, func(*testing.T) billingtest.FencedLedger {
		ledger := new(billingtest.MemoryLedger)
		return billingtest.FencedLedger{
			Fence:   &billingtest.MemoryFence{Ledger: ledger},
			Ledger:  ledger,
			Charges: func(inv billing.Invoice) int { return len(ledger.Charges(inv)) },
		}
	})
}
