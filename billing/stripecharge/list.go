package stripecharge

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/paymentintent"
)

// The metadata that says which invoice a PaymentIntent is for.
const (
	metaSubscription = "subscription"
	metaPeriod       = "period"
)

// Payment is money taken, as Stripe has it.
type Payment struct {
	PaymentIntent string
	Subscription  string // from the metadata; "" if it has none
	Period        string // likewise
	AmountMinor   int64
	Currency      string
	Created       time.Time
}

// Payments goes through all PaymentIntents that were created at or after a time and have succeeded,
// newest first. It lists, page by page: Stripe's search lags behind by up to a minute. An error
// ends it.
func (c *Client) Payments(ctx context.Context, since time.Time) iter.Seq2[Payment, error] {
	return func(yield func(Payment, error) bool) {
		params := &stripe.PaymentIntentListParams{
			CreatedRange: &stripe.RangeQueryParams{GreaterThanOrEqual: since.Unix()},
		}
		params.Context = ctx
		params.Limit = stripe.Int64(100) // the most Stripe allows
		list := paymentintent.Client{B: c.backend, Key: c.key}.List(params)
		for list.Next() {
			p := list.PaymentIntent()
			if p.Status != stripe.PaymentIntentStatusSucceeded {
				continue
			}
			payment := Payment{
				PaymentIntent: p.ID,
				Subscription:  p.Metadata[metaSubscription],
				Period:        p.Metadata[metaPeriod],
				AmountMinor:   p.AmountReceived,
				Currency:      string(p.Currency),
				Created:       time.Unix(p.Created, 0),
			}
			if !yield(payment, nil) {
				return
			}
		}
		if err := list.Err(); err != nil {
			yield(Payment{}, fmt.Errorf("list payment intents: %w", c.describe(err)))
		}
	}
}
