// Package stripecharge takes money through Stripe, with stripe-go: it is billing's Charger, and
// sets up and lists what the verdicts need.
//
// One call charges one invoice with one PaymentIntent: created and confirmed in one request, off
// session, with the customer's saved payment method. Every request that leaves the process is one
// that this package decided to send: stripe-go's retries are off, redirects aren't followed, and
// net/http is kept from re-sending a POST on its own (see transport.go).
package stripecharge
