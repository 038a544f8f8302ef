// Command sdk bills Alice $10 for December with stripe-go as it comes. The SDK repeats a request
// that failed, under a key that it makes up. That protects one request of one server, and nothing
// between servers or runs.
package main

import (
	"log"
	"os"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/paymentintent"
)

func main() {
	client := paymentintent.Client{
		Key: os.Getenv("STRIPE_SECRET_KEY"),
		B: stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
			URL: stripe.String(os.Getenv("STRIPE_API_BASE")),
		}),
	}
	params := &stripe.PaymentIntentParams{
		Amount:        stripe.Int64(1000),
		Currency:      stripe.String("usd"),
		PaymentMethod: stripe.String(os.Getenv("PAYMENT_METHOD")),
		Confirm:       stripe.Bool(true),
		OffSession:    stripe.Bool(true),
	}
	params.AddMetadata("invoice", "alice/2026-12")
	if _, err := client.New(params); err != nil {
		log.Fatal(err)
	}
}
