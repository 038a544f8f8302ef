package billingtest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"example.com/triplecharge/billing"
)

// MemoryIntents is a billing.Intents and the Stripe behind it, in memory. It sends each request
// once. Its zero value has charged nobody; it is safe for concurrent use, but for setting its
// fields.
type MemoryIntents struct {
	Declined    string // the payment method that declines, if not ""
	RepliesLost bool   // it does what it is asked, and every reply gets lost
	FailsBefore bool   // it answers 500 in place of doing what it is asked, and saves that
	FailsAfter  bool   // it answers 500 although it does what it is asked, and saves that
	Refusing    bool   // it refuses every request

	mu      sync.Mutex
	intents map[string]billing.Invoice
	charges []billing.Charge
	byKey   map[string]savedReply
}

// savedReply is what a request came to, kept under its key.
type savedReply struct {
	intent  string // the PaymentIntent that was to be confirmed; "" if one was to be prepared
	invoice billing.Invoice
	charge  billing.Charge // of one that was only prepared, it has nothing but the PaymentIntent
	err     error
}

// Charges returns the charges of an invoice, in the order in which they were made.
func (m *MemoryIntents) Charges(inv billing.Invoice) []billing.Charge {
	m.mu.Lock()
	defer m.mu.Unlock()
	return chargesOf(inv, m.charges)
}

// ForgetKeys forgets all idempotency keys, as Stripe does after a day.
func (m *MemoryIntents) ForgetKeys() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.byKey)
}

// Prepare implements billing.Intents.
func (m *MemoryIntents) Prepare(ctx context.Context, r billing.Request) (string, error) {
	prepared, err := m.send(ctx, "", r)
	return prepared.PaymentIntent, err
}

// Confirm implements billing.Intents.
func (m *MemoryIntents) Confirm(
	ctx context.Context, intent string, r billing.Request,
) (billing.Charge, error) {
	return m.send(ctx, intent, r)
}

// send is the way of a request to Stripe, and of its reply back. The intent is the one to confirm,
// "" to prepare one.
func (m *MemoryIntents) send(
	ctx context.Context, intent string, r billing.Request,
) (billing.Charge, error) {
	err := ctx.Err()
	if err == nil && r.Trusted != nil {
		err = r.Trusted()
	}
	if err != nil {
		return billing.Charge{}, fmt.Errorf("%w: %w", billing.ErrNotSent, err)
	}
	if m.Refusing {
		return billing.Charge{}, billing.ErrNotSent
	}
	c, err := m.execute(intent, r)
	if m.RepliesLost {
		return billing.Charge{}, billing.ErrUnknown
	}
	return c, err
}

// execute is what happens at Stripe: a key that it has seen brings the saved reply.
func (m *MemoryIntents) execute(intent string, r billing.Request) (billing.Charge, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.intents[intent]; intent != "" && !ok {
		return billing.Charge{}, fmt.Errorf("%w: no such PaymentIntent", billing.ErrNotSent)
	}
	reply, ok := m.byKey[r.Key]
	switch {
	case !ok:
		reply = m.answer(intent, r.Invoice)
	case reply.intent != intent || reply.invoice != r.Invoice:
		return billing.Charge{}, fmt.Errorf("%w: the key was used for something else",
			billing.ErrUnknown)
	}
	if m.byKey == nil {
		m.byKey = make(map[string]savedReply)
	}
	if r.Key != "" {
		m.byKey[r.Key] = reply
	}
	return reply.charge, reply.err
}

// answer carries out a request, unless it fails, and returns what it comes to. The caller holds mu.
func (m *MemoryIntents) answer(intent string, inv billing.Invoice) savedReply {
	reply := savedReply{intent: intent, invoice: inv}
	taken := slices.IndexFunc(m.charges, func(c billing.Charge) bool {
		return c.PaymentIntent == intent
	})
	switch {
	case taken >= 0: // this is said before anything is done, so no 500 comes in its place
		reply.charge = m.charges[taken]
		reply.charge.Invoice = inv // the caller's: the customer may have another card by now
		return reply
	case m.FailsBefore:
	case intent == "":
		reply.charge.PaymentIntent = m.prepare(inv)
	case inv.Subscription.PaymentMethod == m.Declined:
		reply.err = billing.ErrDeclined
	default:
		reply.charge = m.confirm(intent, inv)
	}
	if m.FailsBefore || m.FailsAfter {
		reply.charge, reply.err = billing.Charge{}, billing.ErrUnknown
	}
	return reply
}

func (m *MemoryIntents) prepare(inv billing.Invoice) (intent string) {
	if m.intents == nil {
		m.intents = make(map[string]billing.Invoice)
	}
	intent = fmt.Sprintf("pi_%d", len(m.intents)+1)
	m.intents[intent] = inv
	return intent
}

// confirm takes what was due when the PaymentIntent was prepared.
func (m *MemoryIntents) confirm(intent string, inv billing.Invoice) billing.Charge {
	due := m.intents[intent].Subscription
	c := billing.Charge{
		Invoice: inv, PaymentIntent: intent, AmountMinor: due.AmountMinor, Currency: due.Currency,
	}
	m.charges = append(m.charges, c)
	return c
}
