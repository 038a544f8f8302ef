package stripecharge

import (
	"context"
	"encoding/json"

	"example.com/triplecharge/billing"
	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/webhook"
	"github.com/stripe/stripe-go/v76/webhookendpoint"
)

// ReadEvent reads an event that was sent to a webhook endpoint with that secret. It returns an
// error unless Stripe signed the body in the last five minutes. ours is false if the event reports
// no charge of the client's ledger: most types don't, and an account's endpoints get the events of
// every ledger.
func (c *Client) ReadEvent(
	body []byte, signature, secret string,
) (charge billing.Charge, ours bool, err error) {
	e, err := webhook.ConstructEventWithOptions(body, signature, secret,
		webhook.ConstructEventOptions{
			Tolerance: webhook.DefaultTolerance,
			// An endpoint may have another version, in which the fields read here are the same.
			IgnoreAPIVersionMismatch: true,
		})
	if err != nil || e.Type != stripe.EventTypePaymentIntentSucceeded || e.Data == nil {
		return charge, false, err
	}
	var intent stripe.PaymentIntent
	if err := json.Unmarshal(e.Data.Raw, &intent); err != nil {
		return charge, false, err
	}
	var inv billing.Invoice
	inv.Subscription.ID = intent.Metadata[metaSubscription]
	inv.Period, err = billing.ParsePeriod(intent.Metadata[metaPeriod])
	if err != nil || inv.Subscription.ID == "" || intent.Metadata[metaLedger] != c.ledger {
		return charge, false, nil
	}
	charge, err = charged(inv, &intent)
	return charge, err == nil, nil
}

// Notify has Stripe send the events of these types to a URL, from now on. The secret signs them.
func (c *Client) Notify(
	ctx context.Context, url string, types ...string,
) (secret string, err error) {
	params := &stripe.WebhookEndpointParams{
		URL: stripe.String(url), EnabledEvents: stripe.StringSlice(types),
	}
	params.Context = ctx
	made, err := webhookendpoint.Client{B: c.backend, Key: c.key}.New(params)
	if err != nil {
		return "", c.describe(err)
	}
	return made.Secret, nil
}
