package billingtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"

	"example.com/triplecharge/billing"
)

// MemoryStripe is a billing.Charger, a billing.Intents and the Stripe that they call, in memory.
// Its zero value has charged nobody. It is safe for concurrent use, except for setting its fields.
type MemoryStripe struct {
	Declined    string // the payment method that declines, if not ""
	RepliesLost bool   // it executes requests, and every reply is lost
	FailsBefore bool   // it answers 500 instead of executing, and saves that
	FailsAfter  bool   // it answers 500 after executing, and saves that
	Refusing    bool   // it refuses every connection

	mu       sync.Mutex
	intents  map[string]billing.Invoice
	canceled map[string]bool
	charges  []billing.Charge
	byKey    map[string]savedReply
}

// savedReply is the result of a request, saved under its key.
type savedReply struct {
	intent string          // the PaymentIntent to confirm, toPrepare or toCharge
	sent   billing.Invoice // the parameters of the request
	charge billing.Charge  // of a preparation: only the PaymentIntent is set
	err    error
}

// Charges returns the charges of an invoice, oldest first.
func (m *MemoryStripe) Charges(inv billing.Invoice) []billing.Charge {
	m.mu.Lock()
	defer m.mu.Unlock()
	return chargesOf(inv, m.charges)
}

// ForgetKeys forgets all idempotency keys, as Stripe does after a day.
func (m *MemoryStripe) ForgetKeys() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.byKey)
}

const (
	toPrepare = ""       // create a PaymentIntent
	toCharge  = "charge" // create and confirm one in one request

	// attempts is how often Charge sends a request when no reply comes.
	attempts = 3
)

// Charge implements billing.Charger.
func (m *MemoryStripe) Charge(_ context.Context, r billing.Request) (billing.Charge, error) {
	if r.Key == "" {
		r.Key = rand.Text()
	}
	outcome := billing.ErrNotSent
	for range attempts {
		if err := r.Start(); err != nil {
			return billing.Charge{}, fmt.Errorf("%w: %w", outcome, err)
		}
		c, err := m.exchange(func() (billing.Charge, error) { return m.execute(toCharge, r) })
		if err == nil || errors.Is(err, billing.ErrDeclined) {
			return c, err
		}
		outcome = err
	}
	return billing.Charge{}, outcome
}

// Prepare implements billing.Intents. It sends the request once, as Confirm and Cancel do.
func (m *MemoryStripe) Prepare(
	ctx context.Context, r billing.Request,
) (intent billing.Intent, err error) {
	prepared, err := m.send(ctx, r, func() (billing.Charge, error) {
		return m.execute(toPrepare, r)
	})
	if err == nil {
		sub := r.Invoice.Subscription
		intent = billing.Intent{
			ID: prepared.PaymentIntent, Customer: sub.Customer,
			AmountMinor: sub.AmountMinor, Currency: sub.Currency,
		}
	}
	return intent, err
}

// Confirm implements billing.Intents.
func (m *MemoryStripe) Confirm(
	ctx context.Context, intent string, r billing.Request,
) (billing.Charge, error) {
	return m.send(ctx, r, func() (billing.Charge, error) { return m.execute(intent, r) })
}

// Cancel implements billing.Intents.
func (m *MemoryStripe) Cancel(
	ctx context.Context, intent string, r billing.Request,
) (billing.Charge, error) {
	return m.send(ctx, r, func() (billing.Charge, error) { return m.cancel(intent, r.Invoice) })
}

func (m *MemoryStripe) send(
	ctx context.Context, r billing.Request, execute func() (billing.Charge, error),
) (billing.Charge, error) {
	err := ctx.Err()
	if err == nil {
		err = r.Start()
	}
	if err != nil {
		return billing.Charge{}, fmt.Errorf("%w: %w", billing.ErrNotSent, err)
	}
	return m.exchange(execute)
}

// exchange carries one request to Stripe and the reply back.
func (m *MemoryStripe) exchange(
	execute func() (billing.Charge, error),
) (billing.Charge, error) {
	if m.Refusing {
		return billing.Charge{}, billing.ErrNotSent
	}
	c, err := execute()
	if m.RepliesLost {
		return billing.Charge{}, billing.ErrUnknown
	}
	return c, err
}

// execute runs the request at Stripe: a key that it has seen brings the saved reply.
func (m *MemoryStripe) execute(intent string, r billing.Request) (billing.Charge, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	made, ok := m.intents[intent]
	reply, saved := m.byKey[r.Key]
	sent := parameters(intent, r.Invoice)
	switch {
	case !ok && intent != toPrepare && intent != toCharge:
		return billing.Charge{}, fmt.Errorf("%w: no such PaymentIntent", billing.ErrNotSent)
	case saved && (reply.intent != intent || reply.sent != sent):
		return billing.Charge{}, fmt.Errorf("%w: the key was used for something else",
			billing.ErrUnknown)
	case saved:
	case ok && !m.final(intent) && made.Subscription.Customer != r.Invoice.Subscription.Customer:
		return billing.Charge{}, fmt.Errorf("%w: another customer's card", billing.ErrNotSent)
	default:
		reply = m.answer(intent, r.Invoice)
		reply.sent = sent
	}
	if m.byKey == nil {
		m.byKey = make(map[string]savedReply)
	}
	if r.Key != "" {
		m.byKey[r.Key] = reply
	}
	if reply.err == nil {
		reply.charge.Invoice = r.Invoice // the caller's: the customer may have a new card
	}
	return reply.charge, reply.err
}

// parameters returns what a request carries of the invoice: a preparation no card, a confirmation
// nothing else.
func parameters(intent string, inv billing.Invoice) billing.Invoice {
	switch card := inv.Subscription.PaymentMethod; intent {
	case toCharge:
	case toPrepare:
		inv.Subscription.PaymentMethod = ""
	default:
		inv = billing.Invoice{Subscription: billing.Subscription{PaymentMethod: card}}
	}
	return inv
}

// final reports whether the PaymentIntent has succeeded or is canceled.
func (m *MemoryStripe) final(intent string) bool {
	_, succeeded := m.charge(intent)
	return succeeded || m.canceled[intent]
}

// charge returns the charge of a PaymentIntent that has succeeded.
func (m *MemoryStripe) charge(intent string) (c billing.Charge, succeeded bool) {
	i := slices.IndexFunc(m.charges, func(c billing.Charge) bool {
		return c.PaymentIntent == intent
	})
	if i < 0 {
		return billing.Charge{}, false
	}
	return m.charges[i], true
}

// answer executes a request, unless it fails, and returns the reply to save. The caller holds mu.
func (m *MemoryStripe) answer(intent string, inv billing.Invoice) savedReply {
	reply := savedReply{intent: intent}
	c, succeeded := m.charge(intent)
	switch {
	case succeeded: // found before anything is executed, so no 500 comes instead
		reply.charge = c
		return reply
	case m.canceled[intent]: // likewise
		reply.err = billing.ErrCanceled
		return reply
	case m.FailsBefore:
	case intent == toPrepare:
		reply.charge.PaymentIntent = m.prepare(inv)
	case inv.Subscription.PaymentMethod == m.Declined:
		reply.err = billing.ErrDeclined
	case intent == toCharge:
		reply.charge = m.confirm(m.prepare(inv), inv)
	default:
		reply.charge = m.confirm(intent, inv)
	}
	if m.FailsBefore || m.FailsAfter {
		reply.charge, reply.err = billing.Charge{}, billing.ErrUnknown
	}
	return reply
}

// cancel cancels a PaymentIntent, unless it has succeeded or the request fails.
func (m *MemoryStripe) cancel(intent string, inv billing.Invoice) (billing.Charge, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, succeeded := m.charge(intent)
	_, made := m.intents[intent]
	switch {
	case !made:
		return billing.Charge{}, fmt.Errorf("%w: no such PaymentIntent", billing.ErrNotSent)
	case succeeded:
		c.Invoice = inv
		return c, nil
	case m.canceled[intent]:
		return billing.Charge{}, billing.ErrCanceled
	case m.canceled == nil:
		m.canceled = make(map[string]bool)
	}
	m.canceled[intent] = !m.FailsBefore
	if m.FailsBefore || m.FailsAfter {
		return billing.Charge{}, billing.ErrUnknown
	}
	return billing.Charge{}, billing.ErrCanceled
}

func (m *MemoryStripe) prepare(inv billing.Invoice) (intent string) {
	if m.intents == nil {
		m.intents = make(map[string]billing.Invoice)
	}
	intent = fmt.Sprintf("pi_%d", len(m.intents)+1)
	m.intents[intent] = inv
	return intent
}

// confirm takes the amount that was due when the PaymentIntent was prepared.
func (m *MemoryStripe) confirm(intent string, inv billing.Invoice) billing.Charge {
	due := m.intents[intent].Subscription
	c := billing.Charge{
		Invoice: inv, PaymentIntent: intent, AmountMinor: due.AmountMinor, Currency: due.Currency,
	}
	m.charges = append(m.charges, c)
	return c
}
