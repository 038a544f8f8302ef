package stripecharge

import (
	"context"
	"fmt"

	"example.com/triplecharge/billing"
	"github.com/stripe/stripe-go/v76"
)

// Charge creates and confirms one PaymentIntent. It sends at most six attempts, all under the same
// idempotency key, and starts none once Options.Patience is over. It waits for the reply to an
// attempt even if ctx ends; ctx ends all pauses. A request that gets a 429 is sent again for up to
// ten minutes, as slowly as Stripe asks.
func (c *Client) Charge(ctx context.Context, r billing.Request) (billing.Charge, error) {
	params := c.intentParams(r)
	params.PaymentMethod = stripe.String(r.Invoice.Subscription.PaymentMethod)
	params.Confirm = stripe.Bool(true)
	params.OffSession = stripe.Bool(true)
	intent, err := c.persist(ctx, r, c.create(params))
	if err != nil {
		return billing.Charge{}, fmt.Errorf("charge %s: %w", r.Invoice, err)
	}
	return charged(r.Invoice, intent)
}

// create is the request for a new PaymentIntent.
func (c *Client) create(params *stripe.PaymentIntentParams) operation {
	return operation{create, func(ctx context.Context) (*stripe.PaymentIntent, error) {
		params.Context = ctx
		return c.intents().New(params)
	}}
}

// The metadata that says whose a PaymentIntent is, and for which invoice.
const (
	metaLedger       = "ledger"
	metaSubscription = "subscription"
	metaPeriod       = "period"
	metaClaim        = "claim" // the key of one that was prepared, which has its claim's generation
)

// intentParams is the same, byte for byte, on every server: Stripe answers 400 to a key that comes
// back with other parameters.
func (c *Client) intentParams(r billing.Request) *stripe.PaymentIntentParams {
	inv := r.Invoice
	p := &stripe.PaymentIntentParams{
		Amount:   stripe.Int64(inv.Subscription.AmountMinor),
		Currency: stripe.String(inv.Subscription.Currency),
		Customer: stripe.String(inv.Subscription.Customer),
		// Without this, Stripe allows for methods that redirect the customer, and refuses to
		// confirm without a return_url, even if a saved card is charged:
		// https://docs.stripe.com/upgrades#2023-08-16.
		PaymentMethodTypes: stripe.StringSlice([]string{"card"}),
	}
	p.IdempotencyKey = c.idempotencyKey(r.Key)
	if c.ledger != "" {
		p.AddMetadata(metaLedger, c.ledger)
	}
	p.AddMetadata(metaSubscription, inv.Subscription.ID)
	p.AddMetadata(metaPeriod, inv.Period.String())
	return p
}

// charged returns the charge of a PaymentIntent that took the money. A PaymentIntent that is still
// processing, or waits for the customer or a capture, may take it later: its outcome is unknown.
func charged(inv billing.Invoice, intent *stripe.PaymentIntent) (billing.Charge, error) {
	if state := stateOf(intent); state != Succeeded {
		outcome := billing.ErrDeclined
		if state == Open {
			outcome = billing.ErrUnknown
		}
		return billing.Charge{}, fmt.Errorf("charge %s: %w: %s is %s",
			inv, outcome, intent.ID, intent.Status)
	}
	return billing.Charge{
		Invoice:       inv,
		PaymentIntent: intent.ID,
		AmountMinor:   intent.AmountReceived,
		Currency:      string(intent.Currency),
	}, nil
}
