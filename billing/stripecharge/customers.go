package stripecharge

import (
	"context"
	"fmt"
	"strings"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/customer"
	"github.com/stripe/stripe-go/v76/paymentmethod"

	"example.com/triplecharge/billing"
)

// SetUp creates at Stripe what a subscription needs, and returns the subscription with Stripe's
// IDs: a customer of that name, unless it is a Stripe ID (cus_…), with the payment method attached.
// Stripe gives an attached test card, such as pm_card_visa, a new ID. Each step has an idempotency
// key made from the subscription, so an interrupted set-up can be run again; the card's key
// contains the card, so a new card can follow.
func (c *Client) SetUp(
	ctx context.Context, s billing.Subscription,
) (billing.Subscription, error) {
	if !strings.HasPrefix(s.Customer, "cus_") {
		params := &stripe.CustomerParams{Name: stripe.String(s.Customer)}
		params.Context = ctx
		params.IdempotencyKey = c.idempotencyKey("setup/" + s.ID + "/customer")
		params.AddMetadata(metaSubscription, s.ID)
		made, err := customer.Client{B: c.backend, Key: c.key}.New(params)
		if err != nil {
			return s, fmt.Errorf("set up customer of %s: %w", s.ID, c.describe(err))
		}
		s.Customer = made.ID
	}
	params := &stripe.PaymentMethodAttachParams{Customer: stripe.String(s.Customer)}
	params.Context = ctx
	params.IdempotencyKey = c.idempotencyKey(
		"setup/" + s.ID + "/" + s.Customer + "/" + s.PaymentMethod)
	card, err := paymentmethod.Client{B: c.backend, Key: c.key}.Attach(s.PaymentMethod, params)
	if err != nil {
		return s, fmt.Errorf("attach %s to the customer of %s: %w",
			s.PaymentMethod, s.ID, c.describe(err))
	}
	s.PaymentMethod = card.ID
	return s, nil
}
