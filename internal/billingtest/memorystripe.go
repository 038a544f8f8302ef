package billingtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"

	"example.com/triplecharge/billing"
)

// MemoryStripe is a billing.Charger and the Stripe behind it, in memory. Its zero value has
// charged nobody; it is safe for concurrent use, but for setting its fields.
type MemoryStripe struct {
	Declined    string // the payment method that declines, if not ""
	RepliesLost bool   // it does what it is asked, and every reply gets lost
	Refusing    bool   // it refuses every request

	mu      sync.Mutex
	charges []billing.Charge
	byKey   map[string]savedCharge
}

// savedCharge is what a request came to, kept under its key: a decline, too.
type savedCharge struct {
	invoice billing.Invoice
	charge  billing.Charge
	err     error
}

// attempts is how often a request is sent if no reply comes.
const attempts = 3

// Charges returns the charges of an invoice, in the order in which they were made.
func (s *MemoryStripe) Charges(inv billing.Invoice) []billing.Charge {
	s.mu.Lock()
	defer s.mu.Unlock()
	return chargesOf(inv, s.charges)
}

// Charge implements billing.Charger.
func (s *MemoryStripe) Charge(_ context.Context, r billing.Request) (billing.Charge, error) {
	if r.Key == "" {
		r.Key = rand.Text()
	}
	outcome := billing.ErrNotSent
	for range attempts {
		if r.Trusted != nil {
			if err := r.Trusted(); err != nil {
				return billing.Charge{}, fmt.Errorf("%w: %w", outcome, err)
			}
		}
		c, err := s.attempt(r)
		if err == nil || errors.Is(err, billing.ErrDeclined) {
			return c, err
		}
		outcome = err
	}
	return billing.Charge{}, outcome
}

func (s *MemoryStripe) attempt(r billing.Request) (billing.Charge, error) {
	if s.Refusing {
		return billing.Charge{}, billing.ErrNotSent
	}
	c, err := s.execute(r)
	if s.RepliesLost {
		return billing.Charge{}, billing.ErrUnknown
	}
	return c, err
}

// execute is what happens at Stripe: a key that it has seen brings the saved answer.
func (s *MemoryStripe) execute(r billing.Request) (billing.Charge, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if saved, ok := s.byKey[r.Key]; ok {
		if saved.invoice != r.Invoice {
			return billing.Charge{}, fmt.Errorf("%w: the key was used for another charge",
				billing.ErrUnknown)
		}
		return saved.charge, saved.err
	}
	if s.byKey == nil {
		s.byKey = make(map[string]savedCharge)
	}
	sub := r.Invoice.Subscription
	if sub.PaymentMethod == s.Declined {
		s.byKey[r.Key] = savedCharge{invoice: r.Invoice, err: billing.ErrDeclined}
		return billing.Charge{}, billing.ErrDeclined
	}
	c := billing.Charge{
		Invoice:       r.Invoice,
		PaymentIntent: fmt.Sprintf("pi_%d", len(s.charges)+1),
		AmountMinor:   sub.AmountMinor,
		Currency:      sub.Currency,
	}
	s.byKey[r.Key] = savedCharge{invoice: r.Invoice, charge: c}
	s.charges = append(s.charges, c)
	return c, nil
}
