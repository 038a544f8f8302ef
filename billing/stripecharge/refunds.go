package stripecharge

import (
	"context"
	"errors"
	"fmt"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/paymentintent"
	"github.com/stripe/stripe-go/v76/refund"
)

// ErrNothingLeft: all of the charge has been given back already.
var ErrNothingLeft = errors.New("refunded already")

// Refund gives back whatever is left of a PaymentIntent's charge, as a duplicate. The request names
// no amount, and so is the same, byte for byte, from everyone who sends it: the idempotency key
// refund/<payment intent> makes one refund of two that arrive together, and a request that comes
// when Stripe has forgotten the key finds nothing left (ErrNothingLeft). So no number of calls
// gives back more than was taken. Any other error leaves the outcome unknown: Intent tells.
//
// A request, once sent, is waited for also when ctx ends; ctx ends the pauses between.
func (c *Client) Refund(ctx context.Context, intent string) (Refund, error) {
	params := &stripe.RefundParams{
		PaymentIntent: stripe.String(intent),
		Reason:        stripe.String(string(stripe.RefundReasonDuplicate)),
	}
	params.Context = context.WithoutCancel(ctx)
	params.IdempotencyKey = stripe.String("refund/" + intent)
	var made *stripe.Refund
	var nothingLeft bool
	err := c.repeat(ctx, sameKey, func() (err error) {
		made, err = refund.Client{B: c.backend, Key: c.key}.New(params)
		var s *stripe.Error
		nothingLeft = errors.As(err, &s) && s.Code == stripe.ErrorCodeChargeAlreadyRefunded
		if err == nil && made.ID == "" {
			err = errors.New("the answer is no refund")
		}
		return err
	})
	if nothingLeft {
		return Refund{}, fmt.Errorf("refund %s: %w", intent, ErrNothingLeft)
	}
	if err != nil {
		return Refund{}, fmt.Errorf("refund %s: %w", intent, err)
	}
	return readRefund(made), nil
}

// sameKey says whether to send the same request under the same key once more. Not after a 500: it
// is saved under the key.
func sameKey(err error) bool {
	_, again := classify(err)
	return again
}

// Cancel ends a PaymentIntent that took no money, for good. To cancel one that is canceled is no
// error; one that has taken money by now is left as it is, with an error.
//
// It has no idempotency key of its own: a second cancellation changes nothing, and a saved 500
// would keep everybody from it.
func (c *Client) Cancel(ctx context.Context, intent string) error {
	err := c.repeat(ctx, anyTransient, func() error {
		params := &stripe.PaymentIntentCancelParams{
			CancellationReason: stripe.String(
				string(stripe.PaymentIntentCancellationReasonAbandoned)),
		}
		params.Context = context.WithoutCancel(ctx)
		_, err := paymentintent.Client{B: c.backend, Key: c.key}.Cancel(intent, params)
		var s *stripe.Error
		if errors.As(err, &s) && s.Code == stripe.ErrorCodePaymentIntentUnexpectedState &&
			s.PaymentIntent != nil && s.PaymentIntent.Status == stripe.PaymentIntentStatusCanceled {
			return nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("cancel %s: %w", intent, err)
	}
	return nil
}
