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
	began := time.Now()
	lease, err := l.Locker.Obtain(ctx, key)
	set := []slog.Attr{slog.String("key", key), slog.String("value", l.value),
		slog.Int64("ttl_ms", l.ttl.Milliseconds())}
	switch {
	case err == nil:
		l.took(ctx, "lease.obtained", began, set...)
		l.leased.Store(key, invoiceIn(ctx))
		return observedLease{lease, l.events, key}, nil
	case errors.Is(err, billing.ErrHeld):
		l.took(ctx, "lease.held", began, set...)
	default:
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
	// The charger asks for trust before each attempt and sends at once if it is given: that is the
	// moment at which a request leaves.
	trusted := r.Trusted
	r.Trusted = func() error {
		if trusted != nil {
			if err := trusted(); err != nil {
				return err
			}
		}
		c.say(ctx, "charge.sent", slog.Int64("amount_minor", r.Invoice.Subscription.AmountMinor),
			slog.String("currency", r.Invoice.Subscription.Currency))
		return nil
	}
	began := time.Now()
	charge, err := c.Charger.Charge(ctx, r)
	switch {
	case err == nil:
		c.took(ctx, "charge.succeeded", began, slog.String("payment_intent", charge.PaymentIntent),
			slog.Int64("amount_minor", charge.AmountMinor), slog.String("currency", charge.Currency))
	case errors.Is(err, billing.ErrDeclined):
		c.took(ctx, "charge.declined", began, failure(err))
	case errors.Is(err, billing.ErrUnknown):
		c.took(ctx, "charge.unknown", began, failure(err))
	default:
		c.took(ctx, "charge.not_sent", began, failure(err))
	}
	return charge, err
}

type observedLedger struct {
	billing.Ledger
	*events
}

func (l observedLedger) Record(ctx context.Context, c billing.Charge) error {
	began := time.Now()
	err := l.Ledger.Record(ctx, c)
	if err != nil {
		l.took(ctx, "ledger.failed", began, failure(err),
			slog.String("payment_intent", c.PaymentIntent))
		return err
	}
	l.took(ctx, "ledger.recorded", began, slog.String("payment_intent", c.PaymentIntent))
	return nil
}
