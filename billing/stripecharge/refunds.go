package stripecharge

import (
	"context"
	"errors"
	"fmt"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/refund"
)

// ErrNothingLeft: the whole charge is already refunded.
var ErrNothingLeft = errors.New("refunded already")

// RefundKey is the idempotency key under which a payment is refunded whole.
func RefundKey(payment string) string { return "refund/" + payment }

// Refund gives back what is left of a PaymentIntent's charge, or of a charge (ch_… or py_…), as a
// duplicate. The request names no
// amount, so it is the same, byte for byte, from every sender: the idempotency key
// refund/<payment intent> makes one refund of two requests that arrive together, and a request
// after Stripe has forgotten the key finds nothing left (ErrNothingLeft). So no number of calls
// gives back more than was taken. Any other error leaves the outcome unknown: Intent shows it.
//
// It waits for the reply to a request even if ctx ends; ctx ends the pauses between requests.
func (c *Client) Refund(ctx context.Context, intent string) (Refund, error) {
	params := &stripe.RefundParams{
		Reason: stripe.String(string(stripe.RefundReasonDuplicate)),
	}
	if isCharge(intent) {
		params.Charge = stripe.String(intent)
	} else {
		params.PaymentIntent = stripe.String(intent)
	}
	params.Context = context.WithoutCancel(ctx)
	params.IdempotencyKey = stripe.String(RefundKey(intent))
	var made *stripe.Refund
	var nothingLeft bool
	err := c.repeat(ctx, sameKey, func() (err error) {
		made, err = refund.Client{B: c.backend, Key: c.key}.New(params)
		var s *stripe.Error
		nothingLeft = errors.As(err, &s) && s.Code == stripe.ErrorCodeChargeAlreadyRefunded
		if err == nil && made.ID == "" {
			err = errors.New("the answer is not a refund")
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
