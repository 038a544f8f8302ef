package billingtest

import (
	"context"
	"errors"
	"sync"

	"example.com/triplecharge/billing"
)

// MemoryClaims are billing.Claims in memory. They have no clock: a lease and a pause last until
// Expire and EndPause end them. Ledger must be set, and no field changed later. They are safe for
// concurrent use.
type MemoryClaims struct {
	Ledger billing.Ledger // asked before a claim is given
	Final  bool           // claims never expire
	Limit  int            // of declines, for the card that was declined last; 0: any number

	mu     sync.Mutex
	claims map[string]*memoryClaim // by the invoice's name
}

type memoryClaim struct {
	generation int64
	held       bool
	intent     billing.Intent
	declines   int
	declined   string // the card that was declined last
	paused     bool
}

// Expire ends the lease of the invoice's claim, if claims expire.
func (m *MemoryClaims) Expire(inv billing.Invoice) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.Final {
		m.claim(inv).held = false
	}
}

// EndPause makes the invoice's next attempt due.
func (m *MemoryClaims) EndPause(inv billing.Invoice) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.claim(inv).paused = false
}

// Take implements billing.Claims.
func (m *MemoryClaims) Take(ctx context.Context, inv billing.Invoice) (billing.Claim, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	inv, charged, err := m.Ledger.Charged(ctx, inv)
	if err != nil {
		return billing.Claim{}, err
	}
	if charged {
		return billing.Claim{}, billing.ErrCharged
	}
	c := m.claim(inv)
	over := c.paused || m.Limit > 0 && c.declines >= m.Limit
	if c.held || over && c.declined == inv.Subscription.PaymentMethod {
		return billing.Claim{}, billing.ErrTaken
	}
	c.held = true
	c.generation++
	return billing.Claim{Invoice: inv, Generation: c.generation, Intent: c.intent}, nil
}

// Register implements billing.Claims.
func (m *MemoryClaims) Register(
	ctx context.Context, claim billing.Claim, intent billing.Intent,
) (billing.Intent, error) {
	if err := ctx.Err(); err != nil {
		return billing.Intent{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.claim(claim.Invoice)
	owns := c.generation == claim.Generation
	if c.intent.ID == "" || owns && c.intent.ID == claim.Intent.ID {
		for _, other := range m.claims {
			if other != c && other.intent.ID == intent.ID {
				return billing.Intent{}, errors.New("registered for another invoice")
			}
		}
		c.intent = intent
	}
	if !owns {
		return billing.Intent{}, billing.ErrTaken
	}
	return c.intent, nil
}

// Postpone implements billing.Claims.
func (m *MemoryClaims) Postpone(ctx context.Context, claim billing.Claim) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.claim(claim.Invoice); c.generation == claim.Generation {
		c.held, c.paused = false, true
		c.declines++
		c.declined = claim.Invoice.Subscription.PaymentMethod
	}
	return nil
}

// Return implements billing.Claims.
func (m *MemoryClaims) Return(ctx context.Context, claim billing.Claim) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.claim(claim.Invoice); c.generation == claim.Generation {
		c.held = false
	}
	return nil
}

// claim returns the invoice's claim, taken or not. The caller holds mu.
func (m *MemoryClaims) claim(inv billing.Invoice) *memoryClaim {
	if m.claims == nil {
		m.claims = make(map[string]*memoryClaim)
	}
	name := inv.String()
	if m.claims[name] == nil {
		m.claims[name] = &memoryClaim{}
	}
	return m.claims[name]
}
