package explore

import (
	"context"
	"errors"

	"example.com/triplecharge/billing"
)

// errStopped is what a mode is told once it has made the call that has no answer yet. What it does
// about that is of no interest.
var errStopped = errors.New("the replay is over")

// replay are the ports of one server, which repeat the answers it has received.
type replay struct {
	answers []answer
	given   int  // how many of them
	asked   call // the first call that has no answer
	stopped bool
	quorum  bool // leases are on a majority of nodes
	probing bool // a request's trust is being looked at, without a call
}

// run runs a mode until it makes a call that has no answer, or ends. The first answer is the
// invoice that it begins with.
func run(mode billing.Mode, answers []answer) (next call, end *ending) {
	r := &replay{answers: answers[1:], quorum: mode.Lock == billing.QuorumLock}
	ports := billing.Ports{
		Ledger: ledger{r}, Charger: stripe{r}, Locker: locker{r}, Fence: fence{r},
		Claims: claims{r, take}, Final: claims{r, takeFinal}, Intents: stripe{r},
	}
	outcome, err := mode.New(ports).Bill(context.Background(), invoice(answers[0].card))
	if r.stopped {
		return r.asked, nil
	}
	return call{}, &ending{outcome, err}
}

// ending is what a mode returned.
type ending struct {
	outcome billing.Outcome
	err     error
}

// ask answers a call, if there is an answer.
func (r *replay) ask(c call) (answer, error) {
	if r.stopped {
		return answer{}, errStopped
	}
	if r.given == len(r.answers) {
		r.asked, r.stopped = c, true
		return answer{}, errStopped
	}
	a := r.answers[r.given]
	r.given++
	return a, a.outcome.err()
}

type ledger struct{ *replay }

func (l ledger) Charged(_ context.Context, inv billing.Invoice) (bool, error) {
	a, err := l.ask(call{op: charged, card: cardOf(inv)})
	return a.yes, err
}

func (l ledger) Record(_ context.Context, c billing.Charge) error {
	_, err := l.ask(call{op: record, intent: intentNumber(c.PaymentIntent)})
	return err
}

type fence struct{ *replay }

func (f fence) Issue(context.Context, billing.Invoice) (billing.Token, error) {
	a, err := f.ask(call{op: issue})
	return billing.Token(a.n), err
}

func (f fence) Record(_ context.Context, c billing.Charge, t billing.Token) error {
	_, err := f.ask(call{op: recordFenced, intent: intentNumber(c.PaymentIntent), n: uint8(t)})
	return err
}

type claims struct {
	*replay
	take op
}

func (cl claims) Take(_ context.Context, inv billing.Invoice) (billing.Claim, error) {
	a, err := cl.ask(call{op: cl.take, card: cardOf(inv)})
	return billing.Claim{
		Invoice: inv, Generation: int64(a.n), Intent: intentName(a.intent),
	}, err
}

func (cl claims) Register(
	_ context.Context, c billing.Claim, intent string,
) (registered string, err error) {
	a, err := cl.ask(call{op: register, n: uint8(c.Generation), intent: intentNumber(intent)})
	return intentName(a.intent), err
}

func (cl claims) Postpone(_ context.Context, c billing.Claim) error {
	_, err := cl.ask(call{op: postpone, n: uint8(c.Generation), card: cardOf(c.Invoice)})
	return err
}

type locker struct{ *replay }

func (l locker) Obtain(_ context.Context, key string) (billing.Lease, error) {
	at := l.slot(key)
	_, err := l.ask(call{op: obtain, slot: at})
	return lease{l.replay, at}, err
}

// The keys that leases have: one Redis node's for the invoice and for anything else, and those of
// the five nodes.
const (
	invoiceSlot = iota
	otherSlot
	quorumSlot
	slots
)

func (l locker) slot(key string) uint8 {
	switch {
	case l.quorum:
		return quorumSlot
	case key == invoice(oldCard).LockKey():
		return invoiceSlot
	}
	return otherSlot
}

type lease struct {
	*replay
	slot uint8
}

func (l lease) Trusted() error {
	if l.probing {
		return billing.ErrLeaseLost
	}
	_, err := l.ask(call{op: trusted, slot: l.slot})
	return err
}

func (l lease) Release(context.Context) error {
	_, err := l.ask(call{op: release, slot: l.slot})
	return err
}

// stripe is billing.Charger and billing.Intents.
type stripe struct{ *replay }

func (s stripe) Charge(_ context.Context, r billing.Request) (billing.Charge, error) {
	return s.paid(s.ask(s.request(charge, r)))(r)
}

func (s stripe) Prepare(_ context.Context, r billing.Request) (string, error) {
	a, err := s.ask(s.request(prepare, r))
	return intentName(a.intent), err
}

func (s stripe) Confirm(
	_ context.Context, intent string, r billing.Request,
) (billing.Charge, error) {
	c := s.request(confirm, r)
	c.intent = intentNumber(intent)
	return s.paid(s.ask(c))(r)
}

// paid makes the charge that an answer says there is.
func (s stripe) paid(a answer, err error) func(billing.Request) (billing.Charge, error) {
	return func(r billing.Request) (billing.Charge, error) {
		if err != nil {
			return billing.Charge{}, err
		}
		sub := r.Invoice.Subscription
		return billing.Charge{
			Invoice: r.Invoice, PaymentIntent: intentName(a.intent),
			AmountMinor: sub.AmountMinor, Currency: sub.Currency,
		}, nil
	}
}

// request is a request to Stripe as a call. It is gated if a lease that is lost would stop it.
func (s stripe) request(o op, r billing.Request) call {
	c := call{op: o, key: keyNumber(r.Key)}
	if o != prepare { // which has no card
		c.card = cardOf(r.Invoice)
	}
	if r.Trusted != nil {
		s.probing = true
		c.gated = r.Trusted() != nil
		s.probing = false
	}
	return c
}
