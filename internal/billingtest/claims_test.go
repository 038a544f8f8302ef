package billingtest_test

import (
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
)

func TestMemoryClaims(t *testing.T) {
	t.Parallel()
	billingtest.Claims(t, memoryClaims)
}

func memoryClaims(*testing.T) billingtest.ClaimStore {
	const limit = 3
	ledger := new(billingtest.MemoryLedger)
	claims := &billingtest.MemoryClaims{Ledger: ledger, Limit: limit}
	final := &billingtest.MemoryClaims{Ledger: ledger, Limit: limit, Final: true}
	return billingtest.ClaimStore{
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
