package billing_test

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"example.com/triplecharge/billing"
)

// script is a mode's ports: they answer as its fields say, and remember the calls.
type script struct {
	obtain, recheck, charge, record, release         error
	highest, raise                                   error
	take, prepare, register, confirm, postpone, back error
	cancel, confirmNext                              error // confirmNext: after a replacement

	charged    bool
	valid      []error // Valid's first answers; later ones are nil
	claimed    string  // the PaymentIntent that the claim has when it is taken
	stale      bool    // it asks another amount than the invoice
	moved      bool    // the subscription costs another amount than the list said
	registered string  // the PaymentIntent that another server has registered
	stopped    bool    // the context ends while Stripe executes the charge
	stop       func()

	calls []string
}

// A script's PaymentIntent, its claim's generation and its fencing token.
const (
	ownIntent  = "pi_own"
	generation = 3
	token      = 7
)

// call remembers a call. Under a context that has ended, it does nothing.
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

func (s *script) ObtainFenced(
	ctx context.Context, key string, floor billing.Token,
) (billing.Lease, billing.Token, error) {
	return scriptLease{s}, token, s.call(ctx, s.obtain, "obtain", key, "above", fmt.Sprint(floor))
}

type scriptLease struct{ *script }

func (l scriptLease) Valid() (answer error) {
	l.calls = append(l.calls, "valid")
	if len(l.valid) > 0 {
		answer, l.valid = l.valid[0], l.valid[1:]
	}
	return answer
}

func (l scriptLease) Release(ctx context.Context) error {
	return l.call(ctx, l.release, "release")
}

func (s *script) Charged(
	ctx context.Context, inv billing.Invoice,
) (billing.Invoice, bool, error) {
	return inv, s.charged, s.call(ctx, s.recheck, "charged")
}

func (s *script) Record(ctx context.Context, c billing.Charge) error {
	return s.call(ctx, s.record, "record", strings.TrimPrefix(c.PaymentIntent, ownIntent))
}

type scriptFence struct{ *script }

func (f scriptFence) Highest(ctx context.Context, _ billing.Invoice) (billing.Token, error) {
	return token - 1, f.call(ctx, f.highest, "highest")
}

func (f scriptFence) Raise(ctx context.Context, _ billing.Invoice, t billing.Token) error {
	return f.call(ctx, f.raise, "raise to", fmt.Sprint(t))
}

func (f scriptFence) Record(ctx context.Context, _ billing.Charge, t billing.Token) error {
	return f.call(ctx, f.record, "record under", fmt.Sprint(t))
}

func (s *script) Take(ctx context.Context, inv billing.Invoice) (billing.Claim, error) {
	if s.moved {
		inv.Subscription.AmountMinor++
	}
	claim := billing.Claim{Invoice: inv, Generation: generation}
	if s.claimed != "" {
		claim.Intent = asked(s.claimed, inv)
	}
	if s.stale {
		claim.Intent.AmountMinor++
	}
	return claim, s.call(ctx, s.take, "take")
}

func (s *script) Register(
	ctx context.Context, c billing.Claim, intent billing.Intent,
) (registered billing.Intent, err error) {
	err = s.call(ctx, s.register, "register", intent.ID)
	intent.ID = cmp.Or(s.registered, intent.ID)
	return intent, err
}

// asked returns the PaymentIntent that asks what the invoice does.
func asked(id string, inv billing.Invoice) billing.Intent {
	s := inv.Subscription
	return billing.Intent{
		ID: id, Customer: s.Customer, AmountMinor: s.AmountMinor, Currency: s.Currency,
	}
}

func (s *script) Postpone(ctx context.Context, c billing.Claim) error {
	return s.call(ctx, s.postpone, "postpone", fmt.Sprint(c.Generation))
}

func (s *script) Return(ctx context.Context, c billing.Claim) error {
	return s.call(ctx, s.back, "return", fmt.Sprint(c.Generation))
}

func (s *script) Prepare(
	ctx context.Context, r billing.Request,
) (intent billing.Intent, err error) {
	return asked(ownIntent, r.Invoice), s.call(ctx, s.prepare, "prepare", r.Key)
}

func (s *script) Cancel(
	ctx context.Context, intent string, r billing.Request,
) (billing.Charge, error) {
	return s.pay(ctx, r, intent, s.cancel, "cancel", intent)
}

func (s *script) Confirm(
	ctx context.Context, intent string, r billing.Request,
) (billing.Charge, error) {
	outcome := s.confirm
	s.confirm = s.confirmNext
	words := []string{"confirm", intent, r.Key}
	if s.moved {
		words = append(words, fmt.Sprint(r.Invoice.Subscription.AmountMinor))
	}
	return s.pay(ctx, r, intent, outcome, words...)
}

func (s *script) Charge(ctx context.Context, r billing.Request) (billing.Charge, error) {
	return s.pay(ctx, r, ownIntent, s.charge, "charge", r.Key)
}

func (s *script) pay(
	ctx context.Context, r billing.Request, intent string, answer error, words ...string,
) (billing.Charge, error) {
	if err := r.Start(); err != nil {
		return billing.Charge{}, fmt.Errorf("%w: %w", billing.ErrNotSent, err)
	}
	err := s.call(ctx, answer, words...)
	if s.stopped {
		s.stop()
	}
	return billing.Charge{Invoice: r.Invoice, PaymentIntent: intent}, err
}
