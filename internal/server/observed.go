package server

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"example.com/triplecharge/billing"
)

// The types in this file stand before the mode and each of its ports and say what passes through,
// so that a mode stays a straight line of what it does.

type observedMode struct {
	billing.Biller
}

func (m observedMode) Bill(ctx context.Context, inv billing.Invoice) (billing.Outcome, error) {
	return m.Biller.Bill(withInvoice(ctx, inv), inv)
}

type observedLocker struct {
	billing.Locker
	*events
	value string        // what the key is set to, as far as it may be shown
	ttl   time.Duration // and for how long
}

func (l observedLocker) Obtain(ctx context.Context, key string) (billing.Lease, error) {
	// Before it is obtained: what becomes of it may be told as soon as it is.
	l.leased.Store(key, invoiceIn(ctx))
	began := time.Now()
	lease, err := l.Locker.Obtain(ctx, key)
	set := []slog.Attr{slog.String("key", key), slog.String("value", l.value),
		slog.Int64("ttl_ms", l.ttl.Milliseconds())}
	if err == nil {
		l.took(ctx, "lease.obtained", began, set...)
		return observedLease{lease, l.events, key}, nil
	}
	l.leased.Delete(key)
	if errors.Is(err, billing.ErrHeld) {
		l.took(ctx, "lease.held", began, set...)
	} else {
		l.took(ctx, "lease.failed", began, append(set, failure(err))...)
	}
	return nil, err
}

type observedLease struct {
	billing.Lease
	*events
	key string
}

func (l observedLease) Release(ctx context.Context) error {
	began := time.Now()
	l.leased.Delete(l.key)
	err := l.Lease.Release(ctx)
	attrs := []slog.Attr{slog.String("key", l.key)}
	if err != nil {
		attrs = append(attrs, failure(err))
	}
	l.took(ctx, "lease.released", began, attrs...)
	return err
}

type observedCharger struct {
	billing.Charger
	*events
}

func (c observedCharger) Charge(
	ctx context.Context, r billing.Request,
) (billing.Charge, error) {
	return c.charging(ctx, r, func(r billing.Request) (billing.Charge, error) {
		return c.Charger.Charge(ctx, r)
	})
}

type observedIntents struct {
	billing.Intents
	*events
}

func (i observedIntents) Prepare(ctx context.Context, r billing.Request) (string, error) {
	began := time.Now()
	intent, err := i.Intents.Prepare(ctx, r)
	if err != nil {
		i.took(ctx, "intent.failed", began, failure(err))
		return "", err
	}
	i.took(ctx, "intent.prepared", began, slog.String("payment_intent", intent))
	return intent, nil
}

func (i observedIntents) Confirm(
	ctx context.Context, intent string, r billing.Request,
) (billing.Charge, error) {
	return i.charging(ctx, r, func(r billing.Request) (billing.Charge, error) {
		return i.Intents.Confirm(ctx, intent, r)
	})
}

// charging says what becomes of a request that takes money.
func (e *events) charging(
	ctx context.Context, r billing.Request, charge func(billing.Request) (billing.Charge, error),
) (billing.Charge, error) {
	// The charger asks for trust before each attempt and sends at once if it is given: that is the
	// moment at which a request leaves.
	trusted := r.Trusted
	r.Trusted = func() error {
		if trusted != nil {
			if err := trusted(); err != nil {
				return err
			}
		}
		e.say(ctx, "charge.sent", slog.Int64("amount_minor", r.Invoice.Subscription.AmountMinor),
			slog.String("currency", r.Invoice.Subscription.Currency))
		return nil
	}
	began := time.Now()
	c, err := charge(r)
	switch {
	case err == nil:
		e.took(ctx, "charge.succeeded", began, slog.String("payment_intent", c.PaymentIntent),
			slog.Int64("amount_minor", c.AmountMinor), slog.String("currency", c.Currency))
	case errors.Is(err, billing.ErrDeclined):
		e.took(ctx, "charge.declined", began, failure(err))
	case errors.Is(err, billing.ErrUnknown):
		e.took(ctx, "charge.unknown", began, failure(err))
	default:
		e.took(ctx, "charge.not_sent", began, failure(err))
	}
	return c, err
}

type observedLedger struct {
	billing.Ledger
	*events
}

func (l observedLedger) Record(ctx context.Context, c billing.Charge) error {
	began := time.Now()
	return l.recorded(ctx, began, c, l.Ledger.Record(ctx, c))
}

type observedFence struct {
	billing.Fence
	*events
}

func (f observedFence) Issue(ctx context.Context, inv billing.Invoice) (billing.Token, error) {
	began := time.Now()
	token, err := f.Fence.Issue(ctx, inv)
	if err == nil {
		f.took(ctx, "fence.issued", began, slog.Int64("token", int64(token)))
	}
	return token, err
}

func (f observedFence) Record(ctx context.Context, c billing.Charge, t billing.Token) error {
	began := time.Now()
	return f.recorded(ctx, began, c, f.Fence.Record(ctx, c, t))
}

// recorded says what became of an entry, and returns err.
func (e *events) recorded(
	ctx context.Context, began time.Time, c billing.Charge, err error,
) error {
	intent := slog.String("payment_intent", c.PaymentIntent)
	switch {
	case err == nil:
		e.took(ctx, "ledger.recorded", began, intent)
	case errors.Is(err, billing.ErrStale):
		e.took(ctx, "ledger.refused", began, intent, failure(err))
	default:
		e.took(ctx, "ledger.failed", began, intent, failure(err))
	}
	return err
}

type observedClaims struct {
	billing.Claims
	*events
}

func (c observedClaims) Take(ctx context.Context, inv billing.Invoice) (billing.Claim, error) {
	began := time.Now()
	claim, err := c.Claims.Take(ctx, inv)
	switch {
	case err == nil:
		c.took(ctx, "claim.taken", began, slog.Int64("generation", claim.Generation))
	case errors.Is(err, billing.ErrTaken):
		c.took(ctx, "claim.held", began)
	}
	return claim, err
}

func (c observedClaims) Register(
	ctx context.Context, claim billing.Claim, intent string,
) (string, error) {
	began := time.Now()
	registered, err := c.Claims.Register(ctx, claim, intent)
	if err == nil {
		c.took(ctx, "claim.registered", began, slog.String("payment_intent", registered))
	}
	return registered, err
}

func (c observedClaims) Postpone(ctx context.Context, claim billing.Claim) error {
	began := time.Now()
	err := c.Claims.Postpone(ctx, claim)
	if err == nil {
		c.took(ctx, "claim.postponed", began)
	}
	return err
}
