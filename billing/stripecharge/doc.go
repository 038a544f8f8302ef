// Package stripecharge takes money through Stripe, with stripe-go: it implements billing.Charger
// and billing.Intents, sets up customers, and looks up, refunds and cancels PaymentIntents.
//
// Charge takes one invoice's money with one PaymentIntent, created and confirmed in one request,
// off session, with the customer's saved payment method. This package decides on every request that
// leaves the process: stripe-go's retries are off, redirects aren't followed, and net/http is kept
// from re-sending a POST by itself (see transport.go).
package stripecharge
