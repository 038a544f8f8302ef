package stripecharge

import "time"

// Hurry makes the client's pauses short, for tests in which Stripe won't answer any better later.
func (c *Client) Hurry() { c.pause = time.Millisecond }

// Dawdle makes the first pause longer than any test may take.
func (c *Client) Dawdle() { c.pause = time.Hour }

// UnderWay returns how many of the places for requests are taken.
func (c *Client) UnderWay() int { return len(c.pace.slots) }
