package billingtest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"example.com/triplecharge/billing"
)

// MemoryLedger is a billing.Ledger in memory. Its zero value is empty; it is safe for concurrent
// use.
type MemoryLedger struct {
	mu      sync.Mutex
	charges []billing.Charge
	now     map[string]billing.Subscription // by ID: those that Change was called for
}

// Change changes a subscription: Charged answers with it from now on. One that was never changed is
// what the caller says.
func (l *MemoryLedger) Change(sub billing.Subscription) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now == nil {
		l.now = make(map[string]billing.Subscription)
	}
	l.now[sub.ID] = sub
}

// Charges returns the recorded charges of an invoice, oldest first.
func (l *MemoryLedger) Charges(inv billing.Invoice) []billing.Charge {
	l.mu.Lock()
	defer l.mu.Unlock()
	return chargesOf(inv, l.charges)
}

// Charged implements billing.Ledger.
func (l *MemoryLedger) Charged(
	ctx context.Context, inv billing.Invoice,
) (now billing.Invoice, charged bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now, changed := l.now[inv.Subscription.ID]; changed {
		inv.Subscription = now
	}
	return inv, len(chargesOf(inv, l.charges)) > 0, ctx.Err()
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
		// The invoice is compared by its name: its other details may have changed since.
		if known.Invoice.String() != c.Invoice.String() ||
			known.AmountMinor != c.AmountMinor || known.Currency != c.Currency {
			return errors.New("contradicts the ledger")
		}
		return nil
	}
	l.charges = append(l.charges, c)
	return nil
}

// chargesOf returns the charges of an invoice, named by its subscription's ID and its period.
func chargesOf(inv billing.Invoice, all []billing.Charge) (charges []billing.Charge) {
	for _, c := range all {
		if c.Invoice.String() == inv.String() {
			charges = append(charges, c)
		}
	}
	return charges
}

// MemoryFence is a billing.Fence in memory. Ledger must be set. It is safe for concurrent use.
type MemoryFence struct {
	Ledger *MemoryLedger // where it records

	mu      sync.Mutex
	highest map[string]billing.Token // by the invoice's name
}

// Highest implements billing.Fence.
func (f *MemoryFence) Highest(ctx context.Context, inv billing.Invoice) (billing.Token, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.highest[inv.String()], ctx.Err()
}

// Raise implements billing.Fence.
func (f *MemoryFence) Raise(ctx context.Context, inv billing.Invoice, t billing.Token) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if t <= f.highest[inv.String()] {
		return billing.ErrStale
	}
	if f.highest == nil {
		f.highest = make(map[string]billing.Token)
	}
	f.highest[inv.String()] = t
	return nil
}

// Record implements billing.Fence.
func (f *MemoryFence) Record(ctx context.Context, c billing.Charge, token billing.Token) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := slices.ContainsFunc(f.Ledger.Charges(c.Invoice), func(k billing.Charge) bool {
		return k.PaymentIntent == c.PaymentIntent
	})
	if token < f.highest[c.Invoice.String()] && !known {
		return billing.ErrStale
	}
	return f.Ledger.Record(ctx, c)
}
