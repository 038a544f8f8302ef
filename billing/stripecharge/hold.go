package stripecharge

import (
	"context"

	"github.com/stripe/stripe-go/v76"

	"example.com/triplecharge/billing"
)

// Hold makes a call that takes money. It may wait before and after the call, and change the
// request's Valid.
type Hold func(ctx context.Context, r billing.Request, call func(billing.Request) error) error

// persist sends a request that takes money, retries it, and may be held.
func (c *Client) persist(
	ctx context.Context, r billing.Request, o operation,
) (intent *stripe.PaymentIntent, err error) {
	if c.hold == nil {
		return c.patiently(ctx, r, o)
	}
	err = c.hold(ctx, r, func(r billing.Request) error {
		intent, err = c.patiently(ctx, r, o)
		return err
	})
	return intent, err
}

// Ping returns billing.ErrUnavailable unless Stripe answers. It moves no money.
func (c *Client) Ping(ctx context.Context) error {
	params := &stripe.PaymentIntentListParams{}
	params.Context, params.Limit, params.Single = ctx, stripe.Int64(1), true
	list := c.intents().List(params)
	list.Next()
	if err := list.Err(); err != nil {
		return unavailable(err, c.describe(err))
	}
	return nil
}
