package stripecharge

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/paymentintent"

	"example.com/triplecharge/billing"
)

// Prepare implements billing.Intents. The PaymentIntent has no payment method: nothing but a
// Confirm that brings one can take money through it.
func (c *Client) Prepare(ctx context.Context, r billing.Request) (string, error) {
	r.Key = cmp.Or(r.Key, stripe.NewIdempotencyKey())
	params := intentParams(ctx, r)
	intent, err := c.persist(ctx, r, func() (*stripe.PaymentIntent, error) {
		return c.intents().New(params)
	})
	if err != nil {
		return "", fmt.Errorf("prepare %s: %w", r.Invoice, err)
	}
	return intent.ID, nil
}

// Confirm implements billing.Intents. Attempts are made as in Charge.
func (c *Client) Confirm(
	ctx context.Context, intentID string, r billing.Request,
) (billing.Charge, error) {
	params := &stripe.PaymentIntentConfirmParams{
		PaymentMethod: stripe.String(r.Invoice.Subscription.PaymentMethod),
		OffSession:    stripe.Bool(true),
	}
	params.Context = context.WithoutCancel(ctx)
	params.IdempotencyKey = stripe.String(cmp.Or(r.Key, stripe.NewIdempotencyKey()))
	intent, err := c.persist(ctx, r, func() (*stripe.PaymentIntent, error) {
		intent, err := c.intents().Confirm(intentID, params)
		if done := succeededBefore(err); done != nil {
			return done, nil
		}
		return intent, err
	})
	if err != nil {
		return billing.Charge{}, fmt.Errorf("confirm %s for %s: %w", intentID, r.Invoice, err)
	}
	return charged(r.Invoice, intent)
}

// succeededBefore returns the PaymentIntent that an error says was confirmed before, else nil.
func succeededBefore(err error) *stripe.PaymentIntent {
	var s *stripe.Error
	if errors.As(err, &s) && s.Code == stripe.ErrorCodePaymentIntentUnexpectedState &&
		s.PaymentIntent != nil && s.PaymentIntent.Status == stripe.PaymentIntentStatusSucceeded {
		return s.PaymentIntent
	}
	return nil
}

func (c *Client) intents() paymentintent.Client {
	return paymentintent.Client{B: c.backend, Key: c.key}
}
