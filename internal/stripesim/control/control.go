// Package control drives a Stripe simulator from outside, over its admin address: it holds
// requests at a point of one's choice, loses replies, forces errors, and sets the clock. These are
// the things that happen to requests at Stripe, or on the way, and that nobody can ask the real
// one for.
//
// It does not link the simulator, so that whoever controls one need not be one.
package control

import (
	"time"
)

// Point is a moment in the life of a request.
type Point string

// The points at which a request can be held.
const (
	// Arriving is before the idempotency key is bound: another request with the same key is not
	// affected, and the order in which two requests arrive can be chosen.
	Arriving Point = "arriving"
	// Executing is after the key is bound and before anything is committed: another request with
	// the same key is answered 409, and one on the same PaymentIntent waits or is answered 429.
	Executing Point = "executing"
	// Committed is after the money was moved and the result saved, before the reply.
	Committed Point = "committed"
)

// OperationCharge is every request that can take money: the creation of a PaymentIntent with
// confirm=true, and the confirmation of one.
const OperationCharge = "charge"

// Rule says which requests are meant. An empty field matches any.
type Rule struct {
	// Point is where to hold a request; only Hold uses it.
	Point Point `json:"point,omitempty"`
	// Server is the name of the API address the request came through.
	Server string `json:"server,omitempty"`
	// Key is the idempotency key.
	Key string `json:"key,omitempty"`
	// Operation is OperationCharge or an endpoint, such as "payment_intents.create".
	Operation string `json:"operation,omitempty"`
	// Method and Path are the request's; a Path that ends in * matches what begins like it.
	Method string `json:"method,omitempty"`
	Path   string `json:"path,omitempty"`
	// Subscription and Period are the metadata of the PaymentIntent.
	Subscription string `json:"subscription,omitempty"`
	Period       string `json:"period,omitempty"`
}

// Call is one request that is held.
type Call struct {
	ID             string    `json:"id"`
	Server         string    `json:"server"`
	IdempotencyKey string    `json:"idempotency_key"`
	Method         string    `json:"method"`
	Path           string    `json:"path"`
	Operation      string    `json:"operation"`
	Subscription   string    `json:"subscription"`
	Period         string    `json:"period"`
	PaymentIntent  string    `json:"payment_intent"` // of a request on one that exists
	Arrived        time.Time `json:"arrived"`        // by the simulator's clock
}

// When says whether a forced status comes instead of the charge or after it.
type When string

// The two moments at which a status can be forced. Either way it is saved under the idempotency
// key.
const (
	BeforeCommit When = "before"
	AfterCommit  When = "after"
)

// Charge is money that was taken.
type Charge struct {
	Sequence       int               `json:"sequence"` // from 1, in the order of commit
	ID             string            `json:"id"`
	PaymentIntent  string            `json:"payment_intent"`
	Customer       string            `json:"customer"`
	AmountMinor    int64             `json:"amount_minor"`
	Currency       string            `json:"currency"`
	Created        time.Time         `json:"created"`  // by the simulator's clock
	Began          time.Time         `json:"began"`    // its request executing, by the machine's clock
	Executed       time.Time         `json:"executed"` // likewise: the money taken
	Server         string            `json:"server"`   // whose request took it
	IdempotencyKey string            `json:"idempotency_key"`
	Subscription   string            `json:"subscription"`
	Period         string            `json:"period"`
	Metadata       map[string]string `json:"metadata"`
}

// The messages of the admin API, which the simulator decodes and Client encodes.
type (
	// NewRule asks for a rule to be added.
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
	// Waiting is the set of calls that a rule holds, and the number of its last change.
	Waiting struct {
		Calls    []Call `json:"calls"`
		Revision int64  `json:"revision"`
	}
	// Open lets calls pass.
	Open struct {
		Calls []string `json:"calls"`
	}
	// Clock sets the time, or advances it by nanoseconds.
	Clock struct {
		Now     *time.Time     `json:"now,omitempty"`
		Advance *time.Duration `json:"advance,omitempty"`
	}
	// Settings change how the simulator behaves; nil leaves a setting as it is. Durations are
	// nanoseconds.
	Settings struct {
		Latency   *time.Duration `json:"latency,omitempty"`
		Jitter    *time.Duration `json:"jitter,omitempty"`
		RateLimit *int           `json:"rate_limit,omitempty"`
		SearchLag *time.Duration `json:"search_lag,omitempty"`
	}
	// Problem is the body of every answer that is not a success.
	Problem struct {
		Error string `json:"error"`
	}
)

// The kinds of NewRule.
const (
	KindHold = "hold"
	KindLose = "lose"
	KindFail = "fail"
)
