// Package control drives a Stripe simulator over its admin address: it holds requests at a chosen
// point, loses replies, forces errors, and sets the clock. All of this happens to requests at
// Stripe or on the way there, but nobody can make the real Stripe do it.
//
// The package does not import the simulator, so a program can control one without containing it.
package control

import (
	"time"
)

// Point is a moment in a request's execution.
type Point string

// The points at which a request can be held.
const (
	// Arriving is before the idempotency key is bound: another request with the same key is not
	// affected, and the order in which two requests arrive can be chosen.
	Arriving Point = "arriving"
	// Executing is after the key is bound and before anything is committed: another request with
	// the same key gets 409, and one on the same PaymentIntent waits, then gets 429.
	Executing Point = "executing"
	// Committed is after the money moved and the result was saved, and before the reply.
	Committed Point = "committed"
	// Delivering is each time before an event is sent to a webhook endpoint. To a rule, the event's
	// type is the operation, and the endpoint's URL the path.
	Delivering Point = "delivering"
)

// OperationCharge is every request that can take money: the creation of a PaymentIntent with
// confirm=true, and the confirmation of one.
const OperationCharge = "charge"

// Rule selects requests. An empty field matches any.
type Rule struct {
	// Point is where Hold holds a request. For Fail it must be empty, for Lose empty or Delivering,
	// for Repeat Delivering.
	Point Point `json:"point,omitempty"`
	// Server is the name of the API address the request came through.
	Server string `json:"server,omitempty"`
	// Key is the idempotency key.
	Key string `json:"key,omitempty"`
	// Operation is OperationCharge or an endpoint, such as "payment_intents.create".
	Operation string `json:"operation,omitempty"`
	// Method and Path are those of the HTTP request; a Path that ends in * matches by prefix.
	Method string `json:"method,omitempty"`
	Path   string `json:"path,omitempty"`
	// Subscription and Period are the PaymentIntent's metadata.
	Subscription string `json:"subscription,omitempty"`
	Period       string `json:"period,omitempty"`
}

// Call is one held request.
type Call struct {
	ID             string    `json:"id"`
	Server         string    `json:"server"`
	IdempotencyKey string    `json:"idempotency_key"`
	Method         string    `json:"method"`
	Path           string    `json:"path"`
	Operation      string    `json:"operation"`
	Subscription   string    `json:"subscription"`
	Period         string    `json:"period"`
	PaymentIntent  string    `json:"payment_intent"` // if the path names one
	Arrived        time.Time `json:"arrived"`        // by the simulator's clock
}

// When is the moment at which Fail forces a status.
type When string

// A forced status replaces the charge or follows it.
const (
	BeforeCommit When = "before"
	AfterCommit  When = "after"
)

// Charge is money taken from a card.
type Charge struct {
	Sequence       int               `json:"sequence"` // from 1, in the order of commit
	ID             string            `json:"id"`
	PaymentIntent  string            `json:"payment_intent"`
	Customer       string            `json:"customer"`
	AmountMinor    int64             `json:"amount_minor"`
	Currency       string            `json:"currency"`
	Created        time.Time         `json:"created"`  // by the simulator's clock
	Began          time.Time         `json:"began"`    // when its request began to execute, by the machine's clock
	Executed       time.Time         `json:"executed"` // when the money was taken, by the machine's clock
	Server         string            `json:"server"`   // whose request took it
	IdempotencyKey string            `json:"idempotency_key"`
	Subscription   string            `json:"subscription"`
	Period         string            `json:"period"`
	Metadata       map[string]string `json:"metadata"`
}

// The messages of the admin API, which the simulator decodes and Client encodes.
type (
	// NewRule adds a rule.
	NewRule struct {
		Kind   string `json:"kind"`
		Rule   Rule   `json:"rule"`
		Status int    `json:"status,omitempty"`
		When   When   `json:"when,omitempty"`
	}
	// RuleAdded answers NewRule.
	RuleAdded struct {
		ID string `json:"id"`
	}
	// Waiting is the set of calls that a rule holds, and how often that set has changed.
	Waiting struct {
		Calls    []Call `json:"calls"`
		Revision int64  `json:"revision"`
	}
	// Open lets calls pass.
	Open struct {
		Calls []string `json:"calls"`
	}
	// Clock sets the time or advances it by nanoseconds, and is the reply: the time.
	Clock struct {
		Now     *time.Time     `json:"now,omitempty"`
		Advance *time.Duration `json:"advance,omitempty"`
	}
	// Settings change the simulator; nil leaves a setting as it is. Durations are in nanoseconds.
	Settings struct {
		// Latency is how long requests that can take money execute, in real time; Jitter is the
		// most that a random part adds.
		Latency *time.Duration `json:"latency,omitempty"`
		Jitter  *time.Duration `json:"jitter,omitempty"`
		// RateLimit is how many requests a second are answered before 429, and EndpointLimit how
		// many of each endpoint; 0 lifts a limit.
		RateLimit     *int `json:"rate_limit,omitempty"`
		EndpointLimit *int `json:"endpoint_limit,omitempty"`
		// SearchLag is how long until a search finds a new or changed object, by the simulator's
		// clock.
		SearchLag *time.Duration `json:"search_lag,omitempty"`
	}
	// Problem is the body of every error reply.
	Problem struct {
		Error string `json:"error"`
	}
)

// The kinds of NewRule.
const (
	KindHold = "hold"
	KindLose = "lose"
	KindFail = "fail"
	// KindRepeat sends events more than once.
	KindRepeat = "repeat"
)
