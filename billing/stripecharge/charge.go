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

	"example.com/triplecharge/billing"
)

// maxAttempts and firstPause make a second and a half of patience: enough for another server's
// request under the same key to finish, little beside a lease.
const (
	maxAttempts = 6
	firstPause  = 50 * time.Millisecond
)

// refusalLimit is how long a request that Stripe refuses as one too many is sent again. By then
// Stripe refuses everything, and not because of the pace.
const refusalLimit = 10 * time.Minute

// Charge creates and confirms one PaymentIntent. All attempts carry the same idempotency key; they
// are at most six, and none starts later than the time-out of one after the first. An attempt, once
// sent, is waited for also when ctx ends; ctx ends the pauses between. What Stripe refuses because
// there were too many requests is sent again, for minutes, as slowly as Stripe wants it.
func (c *Client) Charge(ctx context.Context, r billing.Request) (billing.Charge, error) {
	r.Key = cmp.Or(r.Key, stripe.NewIdempotencyKey())
	params := intentParams(ctx, r)
	params.PaymentMethod = stripe.String(r.Invoice.Subscription.PaymentMethod)
	params.Confirm = stripe.Bool(true)
	params.OffSession = stripe.Bool(true)
	intent, err := c.persist(ctx, r, func() (*stripe.PaymentIntent, error) {
		return c.intents().New(params)
	})
	if err != nil {
		return billing.Charge{}, fmt.Errorf("charge %s: %w", r.Invoice, err)
	}
	return charged(r.Invoice, intent)
}

// intentParams is the same, byte for byte, on every server: Stripe answers 400 to a key that comes
// back with other parameters.
func intentParams(ctx context.Context, r billing.Request) *stripe.PaymentIntentParams {
	inv := r.Invoice
	p := &stripe.PaymentIntentParams{
		Amount:   stripe.Int64(inv.Subscription.AmountMinor),
		Currency: stripe.String(inv.Subscription.Currency),
		Customer: stripe.String(inv.Subscription.Customer),
		// Without this, Stripe allows for methods that redirect the customer, and refuses to
		// confirm without a return_url, also when it is a saved card that is charged:
		// https://docs.stripe.com/upgrades#2023-08-16.
		PaymentMethodTypes: stripe.StringSlice([]string{"card"}),
	}
	p.Context = context.WithoutCancel(ctx)
	p.IdempotencyKey = stripe.String(r.Key)
	p.AddMetadata(metaSubscription, inv.Subscription.ID)
	p.AddMetadata(metaPeriod, inv.Period.String())
	return p
}

// persist makes a request that takes money, and makes it again.
func (c *Client) persist(
	ctx context.Context, r billing.Request, send func() (*stripe.PaymentIntent, error),
) (*stripe.PaymentIntent, error) {
	var (
		worst = billing.ErrNotSent // of the attempts so far: one unknown outcome stays unknown
		last  error                // what the last attempt came to
		began time.Time            // when the first one was sent
	)
	for attempt := 1; ; attempt++ {
		intent, sent, err := c.attempt(ctx, r, send)
		if sent.IsZero() {
			return nil, fmt.Errorf("%w: %w", worst, after(last, err))
		}
		if err == nil && intent.ID == "" {
			err = errNoIntent
		}
		if err == nil {
			return intent, nil
		}
		outcome, again := classify(err)
		last = c.describe(err)
		if errors.Is(outcome, billing.ErrDeclined) {
			return nil, fmt.Errorf("%w: %w", outcome, last)
		}
		if errors.Is(outcome, billing.ErrUnknown) {
			worst = outcome
		}
		if attempt == 1 {
			began = sent
		}
		wait := c.pause << (attempt - 1)
		tooLate := c.pace.now().Sub(began)+wait > c.timeout
		if !again || attempt == maxAttempts || tooLate || !pause(ctx, wait) {
			return nil, fmt.Errorf("%w: %w", worst, last)
		}
	}
}

// attempt is the one place where a request that takes money is sent: when its turn has come, if it
// is still to be. One that Stripe refuses since there were too many was none, and gets another
// turn. It returns when it was sent; zero if it was not.
func (c *Client) attempt(
	ctx context.Context, r billing.Request, send func() (*stripe.PaymentIntent, error),
) (intent *stripe.PaymentIntent, sent time.Time, err error) {
	var refused time.Time // for the first time
	for {
		if err := c.pace.enter(ctx); err != nil {
			return nil, time.Time{}, err
		}
		if err := mayStart(ctx, r); err != nil {
			c.pace.leave()
			return nil, time.Time{}, err
		}
		sent = c.pace.now()
		intent, err = send()
		wait, ok := tooMany(err)
		if ok {
			c.pace.refused(sent, wait)
		} else if err == nil {
			c.pace.took()
		}
		c.pace.leave() // not before: whoever is next has to know of the refusal
		if !ok {
			return intent, sent, err
		}
		if refused.IsZero() {
			refused = sent
		} else if sent.Sub(refused) > refusalLimit {
			return nil, sent, err
		}
	}
}

// errNoIntent: what answered in Stripe's place answers 200 to everything.
var errNoIntent = errors.New("the answer is no PaymentIntent")

// mayStart returns why no attempt may start, nil if one may.
func mayStart(ctx context.Context, r billing.Request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.Trusted == nil {
		return nil
	}
	return r.Trusted()
}

// after adds to an error what came before it, if anything did.
func after(last, err error) error {
	if last == nil {
		return err
	}
	return fmt.Errorf("%w, after an attempt that came to: %w", err, last)
}

// charged is the charge of a PaymentIntent that took the money. One that is still processing, or
// waits for the customer, may yet.
func charged(inv billing.Invoice, intent *stripe.PaymentIntent) (billing.Charge, error) {
	if intent.Status != stripe.PaymentIntentStatusSucceeded {
		return billing.Charge{}, fmt.Errorf("charge %s: %w: %s is %s",
			inv, billing.ErrUnknown, intent.ID, intent.Status)
	}
	return billing.Charge{
		Invoice:       inv,
		PaymentIntent: intent.ID,
		AmountMinor:   intent.AmountReceived,
		Currency:      string(intent.Currency),
	}, nil
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
		if errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect") {
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
