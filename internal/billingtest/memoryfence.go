package billingtest

import (
	"context"
	"slices"
	"sync"

	"example.com/triplecharge/billing"
)

// MemoryFence is a billing.Fence in memory. Ledger must be set; it is safe for concurrent use.
type MemoryFence struct {
	Ledger *MemoryLedger // where it records

	mu     sync.Mutex
	issued map[string]billing.Token // the highest, by the invoice's name
}

// Issue implements billing.Fence.
func (f *MemoryFence) Issue(ctx context.Context, inv billing.Invoice) (billing.Token, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.issued == nil {
		f.issued = make(map[string]billing.Token)
	}
	f.issued[inv.String()]++
	return f.issued[inv.String()], nil
}

// Record implements billing.Fence.
func (f *MemoryFence) Record(ctx context.Context, c billing.Charge, token billing.Token) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := slices.ContainsFunc(f.Ledger.Charges(c.Invoice), func(k billing.Charge) bool {
		return k.PaymentIntent == c.PaymentIntent
	})
	if token < f.issued[c.Invoice.String()] && !known {
		return billing.ErrStale
	}
	return f.Ledger.Record(ctx, c)
}
