package stripecharge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/paymentintent"

	"example.com/triplecharge/billing"
)

// maxAttempts and firstPause make a second and a half of patience: enough for another server's
// request under the same key to finish, little beside a lease.
const (
	maxAttempts = 6
	firstPause  = 50 * time.Millisecond
)

// Charge creates and confirms one PaymentIntent. All attempts carry the same idempotency key; they
// are at most six, and none starts later than the time-out of one after the first. An attempt, once
// sent, is waited for also when ctx ends; ctx ends the pauses between.
func (c *Client) Charge(ctx context.Context, r billing.Request) (billing.Charge, error) {
	key := cmp.Or(r.Key, stripe.NewIdempotencyKey())
	client := paymentintent.Client{B: c.backend, Key: c.key}
	intent, err := c.persist(ctx, r, func() (*stripe.PaymentIntent, error) {
		return client.New(c.chargeParams(ctx, r.Invoice, key))
	})
	if err != nil {
		return billing.Charge{}, fmt.Errorf("charge %s: %w", r.Invoice, err)
	}
	return billing.Charge{
		Invoice:       r.Invoice,
		PaymentIntent: intent.ID,
		AmountMinor:   intent.AmountReceived,
		Currency:      string(intent.Currency),
	}, nil
}

// chargeParams is the same, byte for byte, on every server: Stripe answers 400 to a key that comes
// back with other parameters.
func (c *Client) chargeParams(
	ctx context.Context, inv billing.Invoice, key string,
) *stripe.PaymentIntentParams {
	p := &stripe.PaymentIntentParams{
		Amount:        stripe.Int64(inv.Subscription.AmountMinor),
		Currency:      stripe.String(inv.Subscription.Currency),
		Customer:      stripe.String(inv.Subscription.Customer),
		PaymentMethod: stripe.String(inv.Subscription.PaymentMethod),
		Confirm:       stripe.Bool(true),
		OffSession:    stripe.Bool(true),
	}
	p.Context = context.WithoutCancel(ctx)
	p.IdempotencyKey = stripe.String(key)
	p.AddMetadata(metaSubscription, inv.Subscription.ID)
	p.AddMetadata(metaPeriod, inv.Period.String())
	return p
}

// persist is the one place where a request that takes money is sent, and sent again.
func (c *Client) persist(
	ctx context.Context, r billing.Request, send func() (*stripe.PaymentIntent, error),
) (*stripe.PaymentIntent, error) {
	patience, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var (
		worst = billing.ErrNotSent // of the attempts so far: one unknown outcome stays unknown
		last  error
	)
	for attempt := range maxAttempts {
		if attempt > 0 && !pause(patience, firstPause<<(attempt-1)) {
			break
		}
		if r.Trusted != nil {
			if err := r.Trusted(); err != nil {
				return nil, fmt.Errorf("%w: %w", worst, err)
			}
		}
		intent, err := send()
		if err == nil {
			return intent, succeeded(intent)
		}
		outcome, again := classify(err)
		last = describe(err)
		if errors.Is(outcome, billing.ErrDeclined) {
			return nil, fmt.Errorf("%w: %w", outcome, last)
		}
		if errors.Is(outcome, billing.ErrUnknown) {
			worst = outcome
		}
		if !again {
			break
		}
	}
	return nil, fmt.Errorf("%w: %w", worst, last)
}

// succeeded returns nil if the PaymentIntent took the money. One that is still processing, or waits
// for the customer, may yet.
func succeeded(intent *stripe.PaymentIntent) error {
	if intent.Status == stripe.PaymentIntentStatusSucceeded {
		return nil
	}
	return fmt.Errorf("%w: %s is %s", billing.ErrUnknown, intent.ID, intent.Status)
}

// classify says what an attempt's error tells of the money, and whether to try again under the
// same key. Only a 402 decides anything about the card. The source is
// https://docs.stripe.com/error-low-level.
func classify(err error) (outcome error, again bool) {
	var s *stripe.Error
	if !errors.As(err, &s) {
		// A connection that could not be made carried nothing. Any other may have carried the
		// request and lost the answer; the same key makes it safe to ask once more.
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" {
			return billing.ErrNotSent, true
		}
		return billing.ErrUnknown, true
	}
	switch {
	case s.HTTPStatusCode == http.StatusPaymentRequired:
		return billing.ErrDeclined, false
	case s.HTTPStatusCode == http.StatusConflict:
		// The key is in use: another server's request, or our own earlier one, is at it.
		return billing.ErrUnknown, true
	case s.HTTPStatusCode == http.StatusTooManyRequests:
		return billing.ErrNotSent, true
	case s.Type == stripe.ErrorTypeIdempotency:
		// The key came with other parameters before, and that request may have charged.
		return billing.ErrUnknown, false
	case s.HTTPStatusCode < http.StatusInternalServerError:
		return billing.ErrNotSent, false
	}
	// A 500 is saved under the key as it is, whether the charge was made or not: to ask again
	// would only bring it again.
	return billing.ErrUnknown, false
}

// pause waits, and reports whether the wait ended before ctx did.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
