package billingtest

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"sync"

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

// MemoryLedger is a billing.Ledger in memory. Its zero value is empty; it is safe for concurrent
// use.
type MemoryLedger struct {
	mu      sync.Mutex
	charges []billing.Charge
}

// Charges returns the charges it has of an invoice, in the order in which they were recorded.
func (l *MemoryLedger) Charges(inv billing.Invoice) []billing.Charge {
	l.mu.Lock()
	defer l.mu.Unlock()
	return chargesOf(inv, l.charges)
}

// Charged implements billing.Ledger.
func (l *MemoryLedger) Charged(ctx context.Context, inv billing.Invoice) (bool, error) {
	return len(l.Charges(inv)) > 0, ctx.Err()
}

// Record implements billing.Ledger.
func (l *MemoryLedger) Record(ctx context.Context, c billing.Charge) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, known := range l.charges {
		if known.PaymentIntent != c.PaymentIntent {
			continue
		}
		// The same invoice by its name: what else is known of it may have changed since.
		if known.Invoice.String() != c.Invoice.String() ||
			known.AmountMinor != c.AmountMinor || known.Currency != c.Currency {
			return errors.New("contradicts the ledger")
		}
		return nil
	}
	l.charges = append(l.charges, c)
	return nil
}

// chargesOf picks the charges of an invoice, which its subscription's ID and its period name.
func chargesOf(inv billing.Invoice, all []billing.Charge) (charges []billing.Charge) {
	for _, c := range all {
		if c.Invoice.String() == inv.String() {
			charges = append(charges, c)
		}
	}
	return charges
}

// MemoryLocker is a billing.Locker in memory, whose leases end when they are released. Its zero
// value holds none; it is safe for concurrent use.
type MemoryLocker struct {
	mu   sync.Mutex
	held map[string]*memoryLease
}

// Obtain implements billing.Locker.
func (l *MemoryLocker) Obtain(ctx context.Context, key string) (billing.Lease, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[key] != nil {
		return nil, billing.ErrHeld
	}
	if l.held == nil {
		l.held = make(map[string]*memoryLease)
	}
	l.held[key] = &memoryLease{locker: l, key: key}
	return l.held[key], nil
}

type memoryLease struct {
	locker *MemoryLocker
	key    string
}

// Trusted returns ErrLeaseLost once the lease was released.
func (m *memoryLease) Trusted() error {
	m.locker.mu.Lock()
	defer m.locker.mu.Unlock()
	if m.locker.held[m.key] != m {
		return billing.ErrLeaseLost
	}
	return nil
}

func (m *memoryLease) Release(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.locker.mu.Lock()
	defer m.locker.mu.Unlock()
	if m.locker.held[m.key] == m {
		delete(m.locker.held, m.key)
	}
	return nil
}
