package billing_test

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"example.com/triplecharge/billing"
)

// script is the ports of a mode: they answer what the fields say, and remember the calls.
type script struct {
	obtain, recheck, charge, record, release, issue error
	take, prepare, register, confirm, postpone      error

	charged    bool
	trusted    []error // the first answers; nil then
	claimed    string  // the PaymentIntent that the claim has when it is taken
	registered string  // the one that another server has registered meanwhile
	stopped    bool    // the context ends while Stripe is at the charge
	stop       func()

	calls []string
}

// The PaymentIntent that a script makes, the generation of its claim and its fencing token.
const (
	ownIntent  = "pi_own"
	generation = 3
	token      = 7
)

// call remembers a call, but for one under a context that ended: such a call does nothing.
func (s *script) call(ctx context.Context, answer error, words ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.calls = append(s.calls, strings.TrimSpace(strings.Join(words, " ")))
	return answer
}

func (s *script) Obtain(ctx context.Context, key string) (billing.Lease, error) {
	return scriptLease{s}, s.call(ctx, s.obtain, "obtain", key)
}

type scriptLease struct{ *script }

func (l scriptLease) Trusted() (answer error) {
	l.calls = append(l.calls, "trusted")
	if len(l.trusted) > 0 {
		answer, l.trusted = l.trusted[0], l.trusted[1:]
	}
	return answer
}

func (l scriptLease) Release(ctx context.Context) error {
	return l.call(ctx, l.release, "release")
}

func (s *script) Charged(ctx context.Context, _ billing.Invoice) (bool, error) {
	return s.charged, s.call(ctx, s.recheck, "charged")
}

func (s *script) Record(ctx context.Context, c billing.Charge) error {
	return s.call(ctx, s.record, "record", strings.TrimPrefix(c.PaymentIntent, ownIntent))
}

type scriptFence struct{ *script }

func (f scriptFence) Issue(ctx context.Context, _ billing.Invoice) (billing.Token, error) {
	return token, f.call(ctx, f.issue, "issue")
}

func (f scriptFence) Record(ctx context.Context, _ billing.Charge, t billing.Token) error {
	return f.call(ctx, f.record, "record under", fmt.Sprint(t))
}

func (s *script) Take(ctx context.Context, inv billing.Invoice) (billing.Claim, error) {
	claim := billing.Claim{Invoice: inv, Generation: generation, Intent: s.claimed}
	return claim, s.call(ctx, s.take, "take")
}

func (s *script) Register(
	ctx context.Context, _ billing.Claim, intent string,
) (registered string, err error) {
	return cmp.Or(s.registered, intent), s.call(ctx, s.register, "register", intent)
}

func (s *script) Postpone(ctx context.Context, c billing.Claim) error {
	return s.call(ctx, s.postpone, "postpone", fmt.Sprint(c.Generation))
}

func (s *script) Prepare(ctx context.Context, r billing.Request) (intent string, err error) {
	return ownIntent, s.call(ctx, s.prepare, "prepare", r.Key)
}

func (s *script) Confirm(
	ctx context.Context, intent string, r billing.Request,
) (billing.Charge, error) {
	return s.pay(ctx, r, intent, s.confirm, "confirm", intent, r.Key)
}

func (s *script) Charge(ctx context.Context, r billing.Request) (billing.Charge, error) {
	return s.pay(ctx, r, ownIntent, s.charge, "charge", r.Key)
}

func (s *script) pay(
	ctx context.Context, r billing.Request, intent string, answer error, words ...string,
) (billing.Charge, error) {
	if r.Trusted != nil {
		if err := r.Trusted(); err != nil {
			return billing.Charge{}, fmt.Errorf("%w: %w", billing.ErrNotSent, err)
		}
	}
	err := s.call(ctx, answer, words...)
	if s.stopped {
		s.stop()
	}
	return billing.Charge{Invoice: r.Invoice, PaymentIntent: intent}, err
}
