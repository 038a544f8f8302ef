package redislock

import (
	"context"
	"errors"
	"sync"
	"time"

	"example.com/triplecharge/billing"
)

// Event is something that became of a lease while it was held.
type Event struct {
	Kind EventKind
	Key  string        // as it was given to Obtain
	Held time.Duration // since the lease was asked for
	Took time.Duration // what the renewal took; 0 if trust just ran out
}

// EventKind says what happened, in the words of the server's event log.
type EventKind string

// The kinds of event.
const (
	Renewed EventKind = "lease.renewed"
	Lost    EventKind = "lease.lost" // Redis said so, or no renewal succeeded in time
)

// The pace of renewal, in parts of the TTL. After a third, a renewal that fails leaves time for
// several more before trust ends. A twelfth is how soon it is tried again, and how much sooner than
// at a third a lease is renewed if it can share another's pipeline. A quarter is how long an answer
// is waited for: two attempts fit before trust ends, though Redis be silent.
const (
	renewalPart = 3
	hurryPart   = 12
	answerPart  = 4
)

// margin is the part of the TTL that is not trusted: 1 % for clocks that run at different rates,
// and 2 ms, as Redis expires keys to the millisecond. The figures are those of Redlock's reference
// implementation, https://github.com/antirez/redlock-rb (CLOCK_DRIFT); its text is
// https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/.
func margin(ttl time.Duration) time.Duration { return ttl/100 + 2*time.Millisecond }

// renewals keeps all leases of a Locker that are held and trusted, and renews those that are due
// together, from one goroutine that lives only as long as a round of renewals takes.
type renewals struct {
	ttl     time.Duration
	now     func() time.Time
	observe func(Event)
	renew   func(context.Context, []*lease) []error // as Locker.renew

	mu     sync.Mutex
	leases map[*lease]bool
	timer  *time.Timer // starts a round; nil before the first lease
	wakeAt time.Time   // when it does; zero: never
	busy   bool        // a round is under way
}

func newRenewals(o Options, renew func(context.Context, []*lease) []error) *renewals {
	r := &renewals{
		ttl:     o.TTL,
		now:     o.Now,
		observe: o.Observe,
		renew:   renew,
		leases:  make(map[*lease]bool),
	}
	if r.observe == nil {
		r.observe = func(Event) {}
	}
	return r
}

// add takes on a lease that was obtained by a command sent at the time.
func (r *renewals) add(h *lease, sent time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h.since = sent
	r.extend(h, sent)
	r.leases[h] = true
	// Most leases are released before they are due, so the timer isn't touched for each: it stays
	// set, and finds nothing to do.
	if r.wakeAt.IsZero() || h.renewAt.Before(r.wakeAt) {
		r.wake(h.renewAt)
	}
}

// drop forgets a lease. The answer to a renewal that is under way will find it gone.
func (r *renewals) drop(h *lease) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.leases, h)
}

func (r *renewals) trusted(h *lease) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.leases[h] || !r.now().Before(h.trustEnds) {
		return billing.ErrLeaseLost
	}
	return nil
}

// round renews the leases that are due and sets the timer for the next round.
func (r *renewals) round() {
	due, events, ok := r.begin()
	if !ok {
		return
	}
	if len(due) > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), r.ttl/answerPart)
		sent := r.now()
		outcomes := r.renew(ctx, due)
		cancel()
		events = append(events, r.settle(due, outcomes, sent)...)
	}
	for _, e := range events {
		r.observe(e)
	}
	r.end()
}

// begin returns the leases to renew and what became of others; not ok if a round is under way.
func (r *renewals) begin() (due []*lease, events []Event, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy {
		return nil, nil, false
	}
	r.busy = true
	now := r.now()
	for h := range r.leases {
		if !now.Before(h.trustEnds) {
			events = append(events, r.lose(h, now, 0))
		} else if !h.renewAt.After(now.Add(r.ttl / hurryPart)) {
			due = append(due, h)
		}
	}
	return due, events, true
}

// settle applies the outcomes of renewals that were sent at the time.
func (r *renewals) settle(due []*lease, outcomes []error, sent time.Time) (events []Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	for i, h := range due {
		err := outcomes[i]
		switch {
		case !r.leases[h]: // released meanwhile
		case !now.Before(h.trustEnds), errors.Is(err, billing.ErrLeaseLost):
			// An answer that comes after trust has ended changes nothing, even if it is a yes:
			// between the two the key may have expired and been another's, and a command of an
			// obtain that was lost on the way may have brought this token back.
			events = append(events, r.lose(h, now, now.Sub(sent)))
		case err != nil:
			h.renewAt = now.Add(r.ttl / hurryPart)
		default:
			r.extend(h, sent)
			events = append(events, Event{Renewed, h.name, now.Sub(h.since), now.Sub(sent)})
		}
	}
	return events
}

// end sets the timer for the lease that is due first.
func (r *renewals) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy, r.wakeAt = false, time.Time{}
	var first *lease
	for h := range r.leases {
		if first == nil || h.renewAt.Before(first.renewAt) {
			first = h
		}
	}
	if first != nil {
		r.wake(first.renewAt)
	}
}

// The rest is called with the mutex held.

func (r *renewals) extend(h *lease, sent time.Time) {
	h.trustEnds = sent.Add(r.ttl - margin(r.ttl))
	h.renewAt = sent.Add(r.ttl / renewalPart)
}

func (r *renewals) lose(h *lease, now time.Time, took time.Duration) Event {
	delete(r.leases, h)
	return Event{Lost, h.name, now.Sub(h.since), took}
}

func (r *renewals) wake(at time.Time) {
	r.wakeAt = at
	if d := at.Sub(r.now()); r.timer == nil {
		r.timer = time.AfterFunc(d, r.round)
	} else {
		r.timer.Reset(d)
	}
}
