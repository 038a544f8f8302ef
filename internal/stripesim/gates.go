package stripesim

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"example.com/triplecharge/internal/stripesim/control"
)

// rules are the control API's rules in effect.
type rules struct {
	closing <-chan struct{}
	count   atomic.Int32 // of rules: without any, a request costs one load

	mu   sync.Mutex
	last int     // number of the last rule or held call
	list []*rule // oldest first
}

// rule is one rule. rules.mu guards waiting, revision and changed.
type rule struct {
	number int
	id     string
	control.NewRule

	waiting  []*heldCall // in the order of arrival
	revision int64       // of waiting
	changed  chan struct{}
}

type heldCall struct {
	control.Call
	open chan bool // receives true to let it pass, false to drop it
}

var errBadRule = errBadRequest(`a rule is a "hold" with a point of arriving, executing, ` +
	`committed or delivering, a "lose" with none or delivering, a "repeat" with delivering, or ` +
	`a "fail" with a status from 400 to 599 and a when of before or after`)

func (s *rules) add(n control.NewRule) (string, *adminError) {
	points := map[string][]control.Point{
		control.KindHold: {
			control.Arriving, control.Executing, control.Committed, control.Delivering,
		},
		control.KindLose: {"", control.Delivering}, control.KindRepeat: {control.Delivering},
	}
	switch {
	case slices.Contains(points[n.Kind], n.Rule.Point):
	case n.Kind == control.KindFail && n.Rule.Point == "" && n.Status >= 400 && n.Status < 600 &&
		(n.When == control.BeforeCommit || n.When == control.AfterCommit):
	default:
		return "", errBadRule
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	r := &rule{number: s.last, id: "rule_" + strconv.Itoa(s.last), NewRule: n,
		changed: make(chan struct{})}
	s.list = append(s.list, r)
	s.count.Store(int32(len(s.list)))
	return r.id, nil
}

// subject is what a rule is about: a request, or an event that is sent.
type subject struct {
	control.Call
	takesMoney bool
}

// matching returns the rules of a kind that match the subject, oldest first. The caller holds
// rules.mu.
func (s *rules) matching(d *subject, kind string, point control.Point) []*rule {
	var found []*rule
	for _, r := range s.list {
		if r.Kind == kind && r.Rule.Point == point && matches(&r.Rule, d) {
			found = append(found, r)
		}
	}
	return found
}

// inEffect returns the rules of a kind that match the subject at this moment.
func (s *rules) inEffect(describe func() subject, kind string, point control.Point) []*rule {
	if s.count.Load() == 0 {
		return nil
	}
	d := describe()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.matching(&d, kind, point)
}

func matches(r *control.Rule, c *subject) bool {
	same := func(want, got string) bool { return want == "" || want == got }
	operation := same(r.Operation, c.Operation) ||
		r.Operation == control.OperationCharge && c.takesMoney
	return matchesPattern(r.Path, c.Path) && operation && same(r.Server, c.Server) &&
		same(r.Key, c.IdempotencyKey) && same(r.Method, c.Method) &&
		same(r.Subscription, c.Subscription) && same(r.Period, c.Period)
}

// describe returns the request as the control API shows it. The subscription and the period come
// from the request's metadata or, if it names an existing PaymentIntent, from that one's.
func (c *call) describe() subject {
	d := subject{control.Call{Server: c.server, IdempotencyKey: c.key, Method: c.http.Method,
		Path: c.http.URL.Path, Operation: c.route.operation, Arrived: c.arrived}, c.takesMoney()}
	if m := c.form.child("metadata"); m != nil {
		if f := m.child("subscription"); f != nil {
			d.Subscription = f.value
		}
		if f := m.child("period"); f != nil {
			d.Period = f.value
		}
	}
	if !strings.HasPrefix(c.route.operation, "payment_intents.") {
		return d
	}
	if i := c.account.intents.find(c.http.PathValue("id")); i != nil {
		c.account.describe(&d, i.ref, i.metadata)
	}
	return d
}

func (a *account) describe(d *subject, intent ref, m metadata) {
	d.PaymentIntent = a.ids.id(kindIntent, intent)
	d.Subscription = cmp.Or(d.Subscription, m.get("subscription"))
	d.Period = cmp.Or(d.Period, m.get("period"))
}

// hold holds a request at each gate that it matches at this point, oldest first.
func (c *call) hold(point control.Point) {
	if !c.sim.rules.pass(c.describe, point) {
		panic(errDropped)
	}
}

// pass waits at each gate that the subject matches at this point, and reports whether it may go on.
func (s *rules) pass(describe func() subject, point control.Point) bool {
	if s.count.Load() == 0 {
		return true
	}
	d := describe()
	for passed := 0; ; {
		held := s.join(d, point, &passed)
		if held == nil {
			return true
		}
		select {
		case pass := <-held.open:
			if !pass {
				return false
			}
		case <-s.closing:
			return false
		}
	}
}

// join makes the subject wait at the oldest gate that it matches and has not passed; nil if there
// is none. The gate is found and joined under one lock, so it cannot be removed in between.
func (s *rules) join(d subject, point control.Point, passed *int) *heldCall {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.matching(&d, control.KindHold, point) {
		if r.number <= *passed {
			continue
		}
		*passed = r.number
		s.last++
		held := &heldCall{Call: d.Call, open: make(chan bool, 1)}
		held.ID = "call_" + strconv.Itoa(s.last)
		r.waiting = append(r.waiting, held)
		r.change()
		return held
	}
	return nil
}

// change wakes those who watch the gate. The caller holds rules.mu.
func (r *rule) change() {
	r.revision++
	close(r.changed)
	r.changed = make(chan struct{})
}

// fails returns the error to answer instead of the result, nil for none.
func (c *call) fails(when control.When) *apiError {
	for _, r := range c.sim.rules.inEffect(c.describe, control.KindFail, "") {
		if r.When == when {
			return errForced(r.Status)
		}
	}
	return nil
}

// find returns a rule in effect, nil if there is none with this id. The caller holds rules.mu.
func (s *rules) find(id string) *rule {
	if i := slices.IndexFunc(s.list, func(r *rule) bool { return r.id == id }); i >= 0 {
		return s.list[i]
	}
	return nil
}

// watch returns the calls at a gate with their revision, and a channel that is closed at the next
// change.
func (s *rules) watch(id string) (w control.Waiting, changed <-chan struct{}, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.find(id)
	if r == nil {
		return w, nil, false
	}
	w.Revision, w.Calls = r.revision, []control.Call{}
	for _, held := range r.waiting {
		w.Calls = append(w.Calls, held.Call)
	}
	return w, r.changed, true
}

// open lets some of the calls at a gate pass.
func (s *rules) open(id string, calls []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.find(id)
	if r == nil {
		return false
	}
	r.release(false, func(held *heldCall) bool { return slices.Contains(calls, held.ID) })
	return true
}

// release lets the chosen calls go on, or drops them. The caller holds rules.mu.
func (r *rule) release(drop bool, chosen func(*heldCall) bool) {
	kept := r.waiting[:0:0]
	for _, held := range r.waiting {
		if !chosen(held) {
			kept = append(kept, held)
			continue
		}
		held.open <- !drop
	}
	if len(kept) < len(r.waiting) {
		r.waiting = kept
		r.change()
	}
}

// end lets every call at the gates of some rules pass, or drops it, and forgets those rules.
func (s *rules) end(drop bool, ends func(*rule) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = slices.DeleteFunc(s.list, func(r *rule) bool {
		if !ends(r) {
			return false
		}
		r.release(drop, func(*heldCall) bool { return true })
		r.change()
		return true
	})
	s.count.Store(int32(len(s.list)))
}
