package stripecharge

import (
	"context"
	"errors"
	"fmt"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/paymentintent"

	"example.com/triplecharge/billing"
)

// Prepare implements billing.Intents. The PaymentIntent has no payment method: only a Confirm,
// which brings one, can take money through it.
func (c *Client) Prepare(ctx context.Context, r billing.Request) (billing.Intent, error) {
	params := c.intentParams(r)
	params.AddMetadata(metaClaim, r.Key)
	intent, err := c.persist(ctx, r, c.create(params))
	if err != nil {
		return billing.Intent{}, fmt.Errorf("prepare %s: %w", r.Invoice, err)
	}
	i, _ := readIntent(intent)
	return billing.Intent{
		ID: i.ID, Customer: i.Customer, AmountMinor: intent.Amount, Currency: i.Currency,
	}, nil
}

// Confirm implements billing.Intents. Attempts are made as in Charge.
func (c *Client) Confirm(
	ctx context.Context, intentID string, r billing.Request,
) (billing.Charge, error) {
	params := &stripe.PaymentIntentConfirmParams{
		PaymentMethod: stripe.String(r.Invoice.Subscription.PaymentMethod),
		OffSession:    stripe.Bool(true),
	}
	params.IdempotencyKey = c.idempotencyKey(r.Key)
	return c.finish(ctx, intentID, r, operation{
		confirm, func(ctx context.Context) (*stripe.PaymentIntent, error) {
			params.Context = ctx
			return c.intents().Confirm(intentID, params)
		}})
}

// Cancel implements billing.Intents. It sends no idempotency key of its own: a second cancellation
// changes nothing, and a saved 500 would block every later one.
func (c *Client) Cancel(
	ctx context.Context, intentID string, r billing.Request,
) (billing.Charge, error) {
	return c.finish(ctx, intentID, r, operation{
		cancel, func(ctx context.Context) (*stripe.PaymentIntent, error) {
			params := &stripe.PaymentIntentCancelParams{CancellationReason: stripe.String(
				string(stripe.PaymentIntentCancellationReasonAbandoned))}
			params.Context = ctx
			return c.intents().Cancel(intentID, params)
		}})
}

// finish sends a request that brings a PaymentIntent to a final state, unless it is in one already.
func (c *Client) finish(
	ctx context.Context, intentID string, r billing.Request, o operation,
) (billing.Charge, error) {
	send := o.send
	o.send = func(ctx context.Context) (*stripe.PaymentIntent, error) {
		intent, err := send(ctx)
		if done := final(err); done != nil {
			return done, nil
		}
		return intent, err
	}
	intent, err := c.persist(ctx, r, o)
	if err != nil {
		return billing.Charge{}, fmt.Errorf("%s %s for %s: %w", o.to, intentID, r.Invoice, err)
	}
	if intent.Status == stripe.PaymentIntentStatusCanceled {
		return billing.Charge{}, fmt.Errorf("%s %s for %s: %w",
			o.to, intentID, r.Invoice, billing.ErrCanceled)
	}
	return charged(r.Invoice, intent)
}

// final returns the PaymentIntent that an error blames for its state, if that is a final one; else
// nil.
func final(err error) *stripe.PaymentIntent {
	s, answered := errors.AsType[*stripe.Error](err)
	if !answered || s.Code != stripe.ErrorCodePaymentIntentUnexpectedState ||
		s.PaymentIntent == nil {
		return nil
	}
	switch s.PaymentIntent.Status {
	case stripe.PaymentIntentStatusSucceeded, stripe.PaymentIntentStatusCanceled:
		return s.PaymentIntent
	}
	return nil
}

func (c *Client) intents() paymentintent.Client {
	return paymentintent.Client{B: c.backend, Key: c.key}
}
