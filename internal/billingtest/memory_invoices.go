package billingtest

import (
	"cmp"
	"context"
	"math"
	"slices"

	"example.com/triplecharge/billing"
)

// MemoryInvoices is a billing.Invoices over a list in memory.
type MemoryInvoices struct {
	subs []billing.Subscription // in the order of their IDs
}

// NewMemoryInvoices returns the list of these subscriptions, which may be in any order.
func NewMemoryInvoices(subs ...billing.Subscription) MemoryInvoices {
	subs = slices.Clone(subs)
	slices.SortFunc(subs, func(a, b billing.Subscription) int { return cmp.Compare(a.ID, b.ID) })
	return MemoryInvoices{subs}
}

// Due implements billing.Invoices.
func (m MemoryInvoices) Due(
	ctx context.Context, p billing.Period, after string, limit int,
) (page []billing.Invoice, err error) {
	for _, sub := range m.subs {
		if sub.ID > after && len(page) < limit {
			page = append(page, billing.Invoice{Subscription: sub, Period: p})
		}
	}
	return page, ctx.Err()
}

// Seek implements billing.Invoices.
func (m MemoryInvoices) Seek(ctx context.Context, share float64) (after string, err error) {
	if n := int(math.Round(share * float64(len(m.subs)))); n > 0 {
		after = m.subs[n-1].ID
	}
	return after, ctx.Err()
}
