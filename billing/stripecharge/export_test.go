package stripecharge

import (
	"net/http"
	"time"

	"github.com/stripe/stripe-go/v76"
)

// Hurry makes the client's pauses short, for tests in which Stripe won't answer any better later.
func (c *Client) Hurry() { c.pause = time.Millisecond }

// Dawdle makes the first pause longer than any test may take.
func (c *Client) Dawdle() { c.pause = time.Hour }

// UnderWay returns how many of the places for requests are taken.
func (c *Client) UnderWay() int { return len(c.pace.slots) }

// Transport is what the client's connections are made with.
func (c *Client) Transport() *http.Transport { return c.http.Transport.(sendOnce).Transport }

// Rate is how many requests a second may be sent now.
func (c *Client) Rate() float64 { return float64(c.pace.all.limiter.Limit()) }

// EndpointRates is the same for creating and for confirming.
func (c *Client) EndpointRates() [2]float64 {
	return [2]float64{
		float64(c.pace.each[create].limiter.Limit()), float64(c.pace.each[confirm].limiter.Limit()),
	}
}

// ConfirmRefused notes a 429 for a confirmation, with Stripe's reason.
func (c *Client) ConfirmRefused(sent time.Time, reason string) {
	c.pace.refused(confirm, sent, refusal{reason: reason})
}

// Refused notes a 429 for a request sent at that time, Took a request that Stripe accepted.
func (c *Client) Refused(sent time.Time) { c.pace.refused(create, sent, refusal{}) }
func (c *Client) Took()                  { c.pace.took(create, time.Millisecond) }

// RetryAfter is how long nothing is sent after a 429 with that header.
func RetryAfter(header string) time.Duration {
	r, _ := tooMany(&stripe.Error{HTTPStatusCode: http.StatusTooManyRequests,
		APIResource: stripe.APIResource{LastResponse: &stripe.APIResponse{
			Header: http.Header{"Retry-After": {header}},
		}}})
	return r.retryAfter
}
