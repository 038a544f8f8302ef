package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/ledger"
)

// ports returns the adapters as the mode's ports, each wrapped in a type below that logs what
// passes through it, so that a mode stays a straight line.
func (c Config) ports(
	locker billing.FencedLocker, store *ledger.Store, stripe *stripecharge.Client, e *events,
) billing.Ports {
	expiring := ledger.ClaimOptions{
		Lease: c.ClaimTTL, Pause: c.DunningPause, Limit: c.DunningLimit,
	}
	final := expiring
	final.Lease = 0
	return billing.Ports{
		Ledger:  observedLedger{store, e},
		Charger: observedCharger{stripe, e},
		Locker:  locker,
		Fenced:  locker,
		Fence:   observedFence{store.Fence(), e},
		Claims:  observedClaims{store.Claims(expiring), e},
		Final:   observedClaims{store.Claims(final), e},
		Intents: observedIntents{stripe, e},
	}
}

type observedMode struct {
	billing.Biller
	last context.Context // ends when no request to Stripe is in flight any more
}

// Bill ends all that waits for Redis or the ledger when the server is stopping, but for a charge's
// entry, which modes record whatever becomes of the context.
func (m observedMode) Bill(ctx context.Context, inv billing.Invoice) (billing.Outcome, error) {
	ctx, cancel := context.WithCancel(withInvoice(ctx, inv))
	defer cancel()
	defer context.AfterFunc(m.last, cancel)()
	return m.Biller.Bill(ctx, inv)
}

type observedLocker struct {
	billing.Locker
	*events
	server context.Context // ends when the server is stopping
	prefix string          // of every key
	value  string          // the key's value, as far as it may be shown
	ttl    time.Duration
}

func (l observedLocker) Obtain(ctx context.Context, key string) (billing.Lease, error) {
	lease, _, err := l.ObtainFenced(ctx, key, unfenced)
	return lease, err
}

func (l observedLocker) ObtainFenced(
	ctx context.Context, key string, floor billing.Token,
) (billing.Lease, billing.Token, error) {
	key = l.prefix + key
	// Stored first: the lease may be renewed or lost as soon as it is obtained.
	l.leased.Store(key, invoiceIn(ctx))
	began := time.Now()
	lease, token, err := obtain(ctx, l.Locker, key, floor)
	set := []slog.Attr{slog.String("key", key), slog.String("value", l.value),
		slog.Int64("ttl_ms", l.ttl.Milliseconds())}
	if err == nil {
		l.took(ctx, event.LeaseObtained, began, set...)
		return observedLease{lease, l.events, l.server, key}, token, nil
	}
	l.leased.Delete(key)
	if errors.Is(err, billing.ErrHeld) {
		l.took(ctx, event.LeaseHeld, began, set...)
	} else {
		l.took(ctx, event.LeaseFailed, began, append(set, failure(err))...)
	}
	return nil, 0, err
}

type observedLease struct {
	billing.Lease
	*events
	server context.Context
	key    string
}

// releaseLimit is how long a server that is stopping tries to release a lease, which its TTL ends,
// too. Redis answers within that or not at all.
const releaseLimit = time.Second

func (l observedLease) Release(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(l.server, func() { time.AfterFunc(releaseLimit, cancel) })()
	began := time.Now()
	l.leased.Delete(l.key)
	err := l.Lease.Release(ctx)
	attrs := []slog.Attr{slog.String("key", l.key)}
	if err != nil {
		attrs = append(attrs, failure(err))
	}
	l.took(ctx, event.LeaseReleased, began, attrs...)
	return err
}

type observedCharger struct {
	billing.Charger
	*events
}

func (c observedCharger) Charge(
	ctx context.Context, r billing.Request,
) (billing.Charge, error) {
	return c.charging(ctx, "", r, func(r billing.Request) (billing.Charge, error) {
		return c.Charger.Charge(ctx, r)
	})
}

type observedIntents struct {
	billing.Intents
	*events
}

func (i observedIntents) Prepare(
	ctx context.Context, r billing.Request,
) (billing.Intent, error) {
	began := time.Now()
	intent, err := i.Intents.Prepare(ctx, r)
	if err != nil {
		i.took(ctx, event.IntentFailed, began, failure(err))
	} else {
		i.took(ctx, event.IntentPrepared, began, slog.String("payment_intent", intent.ID))
	}
	return intent, err
}

func (i observedIntents) Confirm(
	ctx context.Context, intent string, r billing.Request,
) (billing.Charge, error) {
	return i.charging(ctx, intent, r, func(r billing.Request) (billing.Charge, error) {
		return i.Intents.Confirm(ctx, intent, r)
	})
}

func (i observedIntents) Cancel(
	ctx context.Context, intent string, r billing.Request,
) (billing.Charge, error) {
	began := time.Now()
	c, err := i.Intents.Cancel(ctx, intent, r)
	i.ended(ctx, began, intent, c, err)
	return c, err
}

// charging logs each attempt of a request that takes money, and its outcome.
func (e *events) charging(
	ctx context.Context, intent string, r billing.Request,
	charge func(billing.Request) (billing.Charge, error),
) (billing.Charge, error) {
	r.Sending = func() {
		e.say(ctx, event.ChargeSent, slog.Int64("amount_minor", r.Invoice.Subscription.AmountMinor),
			slog.String("currency", r.Invoice.Subscription.Currency))
	}
	began := time.Now()
	c, err := charge(r)
	e.ended(ctx, began, intent, c, err)
	return c, err
}

// ended logs the outcome of a request that brings a PaymentIntent to its end.
func (e *events) ended(
	ctx context.Context, began time.Time, intent string, c billing.Charge, err error,
) {
	switch {
	case err == nil:
		e.took(ctx, event.ChargeSucceeded, began, slog.String("payment_intent", c.PaymentIntent),
			slog.Int64("amount_minor", c.AmountMinor), slog.String("currency", c.Currency))
	case errors.Is(err, billing.ErrDeclined):
		e.took(ctx, event.ChargeDeclined, began, failure(err))
	case errors.Is(err, billing.ErrUnknown):
		e.took(ctx, event.ChargeUnknown, began, failure(err))
	case errors.Is(err, billing.ErrCanceled):
		e.took(ctx, event.IntentCanceled, began, slog.String("payment_intent", intent))
	default:
		e.took(ctx, event.ChargeNotSent, began, failure(err))
	}
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

func (f observedFence) Raise(
	ctx context.Context, inv billing.Invoice, t billing.Token,
) error {
	began := time.Now()
	err := f.Fence.Raise(ctx, inv, t)
	if err == nil {
		f.took(ctx, event.FenceIssued, began, slog.Int64("token", int64(t)))
	}
	return err
}

func (f observedFence) Record(ctx context.Context, c billing.Charge, t billing.Token) error {
	began := time.Now()
	return f.recorded(ctx, began, c, f.Fence.Record(ctx, c, t))
}

// recorded logs whether an entry was recorded, and returns err.
func (e *events) recorded(
	ctx context.Context, began time.Time, c billing.Charge, err error,
) error {
	intent := slog.String("payment_intent", c.PaymentIntent)
	switch {
	case err == nil:
		e.took(ctx, event.LedgerRecorded, began, intent)
	case errors.Is(err, billing.ErrStale):
		e.took(ctx, event.LedgerRefused, began, intent, failure(err))
	default:
		e.took(ctx, event.LedgerFailed, began, intent, failure(err))
		err = fmt.Errorf("%w: %w", errUnrecorded, err)
	}
	return err
}

// errUnrecorded: the invoice is charged, so it must not be billed once more.
var errUnrecorded = errors.New("charged, but not recorded")

type observedClaims struct {
	billing.Claims
	*events
}

func (c observedClaims) Take(ctx context.Context, inv billing.Invoice) (billing.Claim, error) {
	began := time.Now()
	claim, err := c.Claims.Take(ctx, inv)
	switch {
	case err == nil:
		c.took(ctx, event.ClaimTaken, began, slog.Int64("generation", claim.Generation))
	case errors.Is(err, billing.ErrTaken):
		c.took(ctx, event.ClaimHeld, began)
	}
	return claim, err
}

func (c observedClaims) Register(
	ctx context.Context, claim billing.Claim, intent billing.Intent,
) (billing.Intent, error) {
	began := time.Now()
	registered, err := c.Claims.Register(ctx, claim, intent)
	if err == nil {
		c.took(ctx, event.ClaimRegistered, began, slog.String("payment_intent", registered.ID))
	}
	return registered, err
}

func (c observedClaims) Postpone(ctx context.Context, claim billing.Claim) error {
	began := time.Now()
	err := c.Claims.Postpone(ctx, claim)
	if err == nil {
		c.took(ctx, event.ClaimPostponed, began)
	}
	return err
}

func (c observedClaims) Return(ctx context.Context, claim billing.Claim) error {
	began := time.Now()
	err := c.Claims.Return(ctx, claim)
	if err == nil {
		c.took(ctx, event.ClaimReturned, began)
	}
	return err
}
