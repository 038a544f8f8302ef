package redislock

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"example.com/triplecharge/billing"
)

// Event is a renewal or the loss of a held lease.
type Event struct {
	Kind EventKind
	Key  string        // without Options.Prefix
	Held time.Duration // since before the obtain was sent
	Took time.Duration // duration of the renewal; 0 if the validity ended without one
	Err  error         // why the lease was lost
}

// EventKind is the kind of an Event.
type EventKind string

// The kinds of Event.
const (
	Renewed EventKind = "renewed"
	Lost    EventKind = "lost" // a renewal found the key gone, or none succeeded in time
)

// The pace of renewal, as divisors of the TTL.
const (
	renewalPart = 3  // until the first renewal: several more can fail before validity ends
	hurryPart   = 12 // until the next try; also how much early a lease may join a renewal round
	answerPart  = 4  // time-out of an answer: two silent attempts fit before validity ends
)

// margin is the part of the TTL in which the lease is no longer valid: 1 % for clock drift, and 2
// ms because Redis expires keys to the millisecond. The figures are those of Redlock's reference
// implementation, https://github.com/antirez/redlock-rb (CLOCK_DRIFT); the algorithm is
// https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/.
func margin(ttl time.Duration) time.Duration { return ttl/100 + 2*time.Millisecond }

// renewals keeps all valid leases of a Locker or Quorum and renews the due ones together, in a
// goroutine that lives only for one round.
type renewals struct {
	ttl     time.Duration
	now     func() time.Time
	observe func(Event)
	renew   func(context.Context, []*lease) []error // as Locker.renew

	mu     sync.Mutex
	leases map[*lease]bool
	timer  *time.Timer // starts a round; nil before the first lease
	wakeAt time.Time   // when the timer fires; zero if it is not set
	busy   bool        // a round is in progress
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

// add starts the validity and renewals of a lease whose obtain was sent at the given time.
func (r *renewals) add(h *lease, sent time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h.renewals, h.since = r, sent
	r.extend(h, sent)
	r.leases[h] = true
	// Most leases are released before a renewal is due, so the timer is not reset for each: it may
	// fire and find nothing to do.
	if r.wakeAt.IsZero() || h.renewAt.Before(r.wakeAt) {
		r.wake(h.renewAt)
	}
}

// drop removes a lease, and returns how long it would have been valid. The answer to a renewal in
// flight is then ignored.
func (r *renewals) drop(h *lease) (left time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.leases, h)
	return h.validUntil.Sub(r.now())
}

func (r *renewals) valid(h *lease) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.leases[h] || !r.now().Before(h.validUntil) {
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

// Why leases are lost.
var (
	errGone       = errors.New("the key has expired, was deleted or is another server's")
	errNotRenewed = errors.New("not renewed in time")
)

// begin returns the leases to renew and the events of expired ones; not ok during another round.
func (r *renewals) begin() (due []*lease, events []Event, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy {
		return nil, nil, false
	}
	r.busy = true
	now := r.now()
	for h := range r.leases {
		if !now.Before(h.validUntil) {
			events = append(events, r.lose(h, now, 0, errNotRenewed))
		} else if !h.renewAt.After(now.Add(r.ttl / hurryPart)) {
			due = append(due, h)
		}
	}
	return due, events, true
}

// settle applies the outcomes of renewals that were sent at the given time.
func (r *renewals) settle(due []*lease, outcomes []error, sent time.Time) (events []Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	for i, h := range due {
		err := outcomes[i]
		switch {
		case !r.leases[h]: // released during the renewal
		case errors.Is(err, billing.ErrLeaseLost):
			events = append(events, r.lose(h, now, now.Sub(sent), errGone))
		case !now.Before(h.validUntil):
			// Even a success changes nothing: the key may have expired and been another's, and a
			// delayed command of this obtain may have set it again.
			h.failure = cmp.Or(err, h.failure)
			events = append(events, r.lose(h, now, now.Sub(sent), errNotRenewed))
		case err != nil:
			h.failure = err
			h.renewAt = now.Add(r.ttl / hurryPart)
		default:
			r.extend(h, sent)
			events = append(events, Event{
				Kind: Renewed, Key: h.name, Held: now.Sub(h.since), Took: now.Sub(sent),
			})
		}
	}
	return events
}

// end sets the timer for the next renewal due.
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

// The caller of the following methods holds the mutex.

func (r *renewals) extend(h *lease, sent time.Time) {
	h.validUntil = sent.Add(r.ttl - margin(r.ttl))
	h.renewAt = sent.Add(r.ttl / renewalPart)
	h.failure = nil
}

func (r *renewals) lose(h *lease, now time.Time, took time.Duration, reason error) Event {
	delete(r.leases, h)
	if reason == errNotRenewed && h.failure != nil {
		reason = fmt.Errorf("%w: %w", reason, explained(h.failure))
	}
	return Event{Lost, h.name, now.Sub(h.since), took, reason}
}

func (r *renewals) wake(at time.Time) {
	r.wakeAt = at
	if d := at.Sub(r.now()); r.timer == nil {
		r.timer = time.AfterFunc(d, r.round)
	} else {
		r.timer.Reset(d)
	}
}
