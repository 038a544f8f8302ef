// Package acme is a module outside this one that bills its customers, and tests that it never
// charges them twice.
package acme

import (
	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/paymentintent"
)

// Bill charges a saved card for a month. The idempotency key names what is paid for, so that every
// server sends the same one.
func Bill(client paymentintent.Client, customer, card, month string, cents int64) error {
	params := &stripe.PaymentIntentParams{
		Amount:        stripe.Int64(cents),
		Currency:      stripe.String("usd"),
		Customer:      stripe.String(customer),
		PaymentMethod: stripe.String(card),
		Confirm:       stripe.Bool(true),
		OffSession:    stripe.Bool(true),
	}
	params.SetIdempotencyKey(customer + "/" + month)
	_, err := client.New(params)
	return err
}
