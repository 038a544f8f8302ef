package explore

import (
	"context"
	"errors"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/event"
)

// errStopped answers a call that has no answer yet, and all calls after it. How the mode ends then
// is ignored.
var errStopped = errors.New("the replay is over")

// rerun is the ports of one server, which repeat the answers that the server has received.
type rerun struct {
	answers []answer
	given   int  // how many answers were given
	asked   call // the first call that has no answer
	stopped bool
	lock    lock
	leases  *leaseNumbers
	at      *string // as for run
}

// run runs the mode until it makes a call that has no answer, or ends. The first answer holds the
// card and the terms of the invoice. If at is not nil, it gets the mode's line that makes the call.
func (p program) run(answers []answer, at *string) (next call, end *ending) {
	r := &rerun{answers: answers[1:], lock: p.lock, leases: p.leases, at: at}
	ports := billing.Ports{
		Ledger: r, Charger: r, Locker: r, Fenced: r, Fence: fence{r},
		Claims: claims{r, take}, Final: claims{r, takeFinal}, Intents: r,
	}
	outcome, err := p.mode.New(ports).Bill(context.Background(),
		invoice(answers[0].card, answers[0].terms))
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
func (r *rerun) ask(c call) (answer, error) {
	if r.stopped {
		return answer{}, errStopped
	}
	if r.given == len(r.answers) {
		if r.asked, r.stopped = c, true; r.at != nil {
			*r.at = event.Here()
		}
		return answer{}, errStopped
	}
	a := r.answers[r.given]
	r.given++
	return a, a.outcome.err()
}

func (r *rerun) Charged(context.Context, billing.Invoice) (billing.Invoice, bool, error) {
	a, err := r.ask(call{op: charged})
	return invoice(a.card, a.terms), a.yes, err
}

func (r *rerun) Record(_ context.Context, c billing.Charge) error {
	_, err := r.ask(call{op: record, intent: intentNumber(c.PaymentIntent)})
	return err
}

type fence struct{ *rerun }

func (f fence) Highest(context.Context, billing.Invoice) (billing.Token, error) {
	a, err := f.ask(call{op: highest})
	return billing.Token(a.n), err
}

func (f fence) Raise(_ context.Context, _ billing.Invoice, t billing.Token) error {
	_, err := f.ask(call{op: raise, n: uint8(t)})
	return err
}

func (f fence) Record(_ context.Context, c billing.Charge, t billing.Token) error {
	_, err := f.ask(call{op: recordFenced, intent: intentNumber(c.PaymentIntent), n: uint8(t)})
	return err
}

type claims struct {
	*rerun
	take op
}

func (cl claims) Take(_ context.Context, inv billing.Invoice) (billing.Claim, error) {
	a, err := cl.ask(call{op: cl.take})
	if err == nil {
		inv = invoice(a.card, a.terms)
	}
	return billing.Claim{
		Invoice: inv, Generation: int64(a.n), Intent: intent(a.intent, a.asks),
	}, err
}

func (cl claims) Register(
	_ context.Context, c billing.Claim, i billing.Intent,
) (registered billing.Intent, err error) {
	a, err := cl.ask(call{
		op: register, n: uint8(c.Generation), intent: intentNumber(i.ID),
		old: intentNumber(c.Intent.ID),
	})
	return intent(a.intent, a.asks), err
}

func (cl claims) Postpone(_ context.Context, c billing.Claim) error {
	_, err := cl.ask(call{op: postpone, n: uint8(c.Generation), card: cardOf(c.Invoice)})
	return err
}

func (cl claims) Return(_ context.Context, c billing.Claim) error {
	_, err := cl.ask(call{op: giveBack, n: uint8(c.Generation)})
	return err
}

func (r *rerun) Obtain(_ context.Context, key string) (billing.Lease, error) {
	lease, _, err := r.obtain(key, call{op: obtain})
	return lease, err
}

func (r *rerun) ObtainFenced(
	_ context.Context, key string, floor billing.Token,
) (billing.Lease, billing.Token, error) {
	return r.obtain(key, call{op: obtainFenced, n: uint8(floor)})
}

func (r *rerun) obtain(key string, c call) (billing.Lease, billing.Token, error) {
	c.lease, c.nodes = r.leases.of(r.lock.nodes, key), r.lock.nodes
	a, err := r.ask(c)
	return lease{r, c.lease}, billing.Token(a.n), err
}

type lease struct {
	*rerun
	number uint8
}

func (l lease) Valid() error {
	if !l.lock.careful {
		return nil
	}
	_, err := l.ask(call{op: checkValid, lease: l.number})
	return err
}

func (l lease) Release(context.Context) error {
	_, err := l.ask(call{op: release, lease: l.number, nodes: l.lock.nodes, any: !l.lock.careful})
	return err
}

func (r *rerun) Charge(_ context.Context, req billing.Request) (billing.Charge, error) {
	return r.pay(req, r.request(charge, req))
}

func (r *rerun) Prepare(_ context.Context, req billing.Request) (billing.Intent, error) {
	a, err := r.ask(r.request(prepare, req))
	return intent(a.intent, a.asks), err
}

func (r *rerun) Cancel(
	_ context.Context, intent string, req billing.Request,
) (billing.Charge, error) {
	return r.pay(req, call{op: cancel, intent: intentNumber(intent)})
}

func (r *rerun) Confirm(
	_ context.Context, intent string, req billing.Request,
) (billing.Charge, error) {
	c := r.request(confirm, req)
	c.intent = intentNumber(intent)
	return r.pay(req, c)
}

func (r *rerun) pay(req billing.Request, c call) (billing.Charge, error) {
	a, err := r.ask(c)
	if err != nil {
		return billing.Charge{}, err
	}
	sub := req.Invoice.Subscription
	return billing.Charge{
		Invoice: req.Invoice, PaymentIntent: intentName(a.intent),
		AmountMinor: sub.AmountMinor, Currency: sub.Currency,
	}, nil
}

// request turns a request to Stripe into a call. It is gated if a lost lease would stop it.
func (r *rerun) request(o op, req billing.Request) call {
	sub := req.Invoice.Subscription
	c := call{op: o, key: keyNumber(req.Key), terms: termsOf(sub.Customer, sub.AmountMinor)}
	if o != prepare { // which has no card
		c.card = cardOf(req.Invoice)
	}
	c.gated = req.Valid != nil && r.unanswered(req.Valid)
	return c
}

// unanswered reports whether f fails when there are no more answers. It leaves no trace of the
// call.
func (r *rerun) unanswered(f func() error) bool {
	before := *r
	defer func() { *r = before }()
	r.given = len(r.answers)
	return f() != nil
}
