package stripetest

import (
	"example.com/triplecharge/internal/stripesim/control"
)

// Match selects requests. An empty field matches any; Hold sets the Point.
type Match = control.Rule

// TakesMoney is the Operation of each request that can take money: the creation of a PaymentIntent
// with confirm=true, the confirmation of one, and the creation of a charge.
const TakesMoney = control.OperationCharge

// Point is a moment of a request at which it can be held.
type Point = control.Point

const (
	// Arriving is before the idempotency key is bound: others that use the key are not affected.
	Arriving = control.Arriving
	// Executing is after the key is bound and before anything is committed: others that use the
	// key get 409, and others on the same PaymentIntent wait, then get 429.
	Executing = control.Executing
	// Committed is after the money moved and before the reply.
	Committed = control.Committed
	// Delivering is each time before an event is sent. To a Match, the event's type is the
	// operation, and the URL that it is sent to the path.
	Delivering = control.Delivering
)

// Gate holds requests.
type Gate struct {
	stripe *Stripe
	gate   *control.Gate
}

// Call is a request that a Gate holds.
type Call = control.Call

// Hold holds each request that matches, from now on, when it reaches the point.
func (s *Stripe) Hold(m Match, at Point) *Gate {
	s.t.Helper()
	m.Point = at
	gate, err := s.control.Hold(s.t.Context(), m)
	s.must(err)
	return &Gate{s, gate}
}

// Waiting waits until at least n calls are held, and returns them in the order of arrival.
func (g *Gate) Waiting(n int) []Call {
	g.stripe.t.Helper()
	var held []Call
	var err error
	for revision := int64(-1); revision < 0 || len(held) < n; {
		held, revision, err = g.gate.Waiting(g.stripe.t.Context(), revision)
		g.stripe.must(err)
	}
	return held
}

// Open lets these calls pass, and only these.
func (g *Gate) Open(calls ...Call) {
	g.stripe.t.Helper()
	var ids []string
	for _, c := range calls {
		ids = append(ids, c.ID)
	}
	g.stripe.must(g.gate.Open(g.stripe.t.Context(), ids...))
}

// Remove lets all calls pass, and holds none any more.
func (g *Gate) Remove() {
	g.stripe.t.Helper()
	g.stripe.must(g.gate.Remove(g.stripe.t.Context()))
}

// Lose executes each request that matches and closes its connection without a reply, until stop is
// called.
func (s *Stripe) Lose(m Match) (stop func()) {
	s.t.Helper()
	lost, err := s.control.Lose(s.t.Context(), m)
	return s.stop(lost, err)
}

// When is the moment at which Fail answers.
type When = control.When

// The status replaces the request's work, or follows it: then the money was taken all the same.
const (
	BeforeCommit = control.BeforeCommit
	AfterCommit  = control.AfterCommit
)

// Fail answers each request that matches and is valid with a status from 400 to 599, until stop is
// called. Like Stripe, it saves the answer under the idempotency key, unless it is a 429.
func (s *Stripe) Fail(m Match, status int, when When) (stop func()) {
	s.t.Helper()
	failed, err := s.control.Fail(s.t.Context(), m, status, when)
	return s.stop(failed, err)
}

func (s *Stripe) stop(rule *control.Handle, err error) func() {
	s.t.Helper()
	s.must(err)
	return func() {
		s.t.Helper()
		s.must(rule.Remove(s.t.Context()))
	}
}
