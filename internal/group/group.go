// Package group makes one call of many that are made at the same time: one statement, one pipeline.
//
// A call that finds nothing under way is made at once, alone, by its own goroutine, and costs what
// it would without this package. Those that come while calls are under way are made together; so
// the busier it gets, the more share one round trip. Nobody waits for company who had none the last
// time.
package group

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Call is one call: what was given to Do, and what Run has to answer. Run sets Result or Err.
type Call[T, R any] struct {
	Given  T
	Result R
	Err    error

	alone [1]*Call[T, R]
	ended chan struct{} // closed when Result and Err may be read; nil for a call that is made alone
	batch *batch        // that it is part of; nil while it waits
}

// batch is what calls that are made together share.
type batch struct {
	left   int // how many of its callers still wait
	cancel context.CancelFunc
}

// Group groups calls. Run must be set, and nothing may be changed after the first call. Safe for
// concurrent use. It needs no Close: it has a goroutine only while calls are under way.
type Group[T, R any] struct {
	// Run makes the calls and sets the Result or the Err of each. Its context is the caller's if
	// there is one caller; else it ends when the contexts of all callers have ended: one that gives
	// up must not fail the others.
	Run func(context.Context, []*Call[T, R])
	// Key names what a call is about; Run gets its calls in the order of their keys, and never two
	// of the same: the later one is made after the earlier has ended. Nil: as they come.
	Key func(T) string
	// Most is how many calls are made together, 0 for DefaultMost; Width is how many groups of
	// them are under way at a time, 0 for one.
	Most, Width int
	// Patience is how long those who wait go on waiting until they are as many as the last time.
	// Callers that were answered together come back together, but not at once: to make the call for
	// the first of them alone, and then for the others, would be twice the calls. 0: they don't.
	Patience time.Duration

	mu       sync.Mutex
	waiting  []*Call[T, R]
	underWay int           // goroutines that make calls, or are about to
	last     int           // how many were made together the last time
	enough   chan struct{} // closed once as many wait; nil if nobody waits for them
}

// DefaultMost is where more no longer help: a round trip divided by 500 is little beside what a
// row or a command costs by itself, and an answer to so many still fits into a socket's buffers.
const DefaultMost = 500

// Do makes a call, alone or together with others, and returns when it has ended. If ctx ends first
// Do returns its error at once; a call that was under way may then still be made, as one whose
// answer was lost.
func (g *Group[T, R]) Do(ctx context.Context, given T) (R, error) {
	if err := ctx.Err(); err != nil {
		var none R
		return none, err
	}
	c := &Call[T, R]{Given: given}
	if g.begin(c) {
		c.alone[0] = c
		g.Run(ctx, c.alone[:])
		g.end()
		return c.Result, c.Err
	}
	select {
	case <-c.ended:
	case <-ctx.Done():
		if !g.abandon(c) {
			var none R
			return none, ctx.Err()
		}
	}
	return c.Result, c.Err
}

// begin reports whether the call is to be made at once; if not it waits for its turn.
func (g *Group[T, R]) begin(c *Call[T, R]) (now bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	free := g.underWay < max(1, g.Width)
	if free {
		g.underWay++
		if g.Patience == 0 || g.last <= 1 {
			return true
		}
	}
	c.ended = make(chan struct{})
	g.waiting = append(g.waiting, c)
	if free {
		go g.drain()
	}
	if g.enough != nil && len(g.waiting) >= g.last {
		close(g.enough)
		g.enough = nil
	}
	return false
}

// end follows a call that was made alone: if others have come meanwhile it is their turn.
func (g *Group[T, R]) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.underWay--
		return
	}
	go g.drain()
}

// drain makes the calls that wait until none does.
func (g *Group[T, R]) drain() {
	for {
		g.wait()
		calls, ctx, cancel := g.take()
		if calls == nil {
			return
		}
		g.Run(ctx, calls)
		cancel()
		for _, c := range calls {
			close(c.ended)
		}
	}
}

// wait returns once as many wait as were made together the last time, or Patience is over.
func (g *Group[T, R]) wait() {
	g.mu.Lock()
	if g.Patience == 0 || len(g.waiting) == 0 || len(g.waiting) >= g.last {
		g.mu.Unlock()
		return
	}
	if g.enough == nil {
		g.enough = make(chan struct{})
	}
	enough := g.enough
	g.mu.Unlock()
	timer := time.NewTimer(g.Patience)
	defer timer.Stop()
	select {
	case <-enough:
	case <-timer.C:
	}
}

// take returns the calls to be made next, none if none waits.
func (g *Group[T, R]) take() (calls []*Call[T, R], ctx context.Context, cancel context.CancelFunc) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.underWay--
		return nil, nil, nil
	}
	calls, g.waiting = g.choose()
	g.last = len(calls)
	ctx, cancel = context.WithCancel(context.Background())
	b := &batch{len(calls), cancel}
	for _, c := range calls {
		c.batch = b
	}
	return calls, ctx, cancel
}

// choose returns the calls that can be made together and those that go on waiting, both in order.
func (g *Group[T, R]) choose() (calls, rest []*Call[T, R]) {
	most := g.Most
	if most == 0 {
		most = DefaultMost
	}
	if g.Key == nil {
		n := min(most, len(g.waiting))
		return slices.Clone(g.waiting[:n]), slices.Delete(g.waiting, 0, n)
	}
	byKey := make(map[string]*Call[T, R], min(most, len(g.waiting)))
	keys := make([]string, 0, cap(rest))
	for _, c := range g.waiting {
		key := g.Key(c.Given)
		if byKey[key] != nil || len(byKey) == most {
			rest = append(rest, c)
			continue
		}
		byKey[key] = c
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		calls = append(calls, byKey[key])
	}
	return calls, rest
}

// abandon takes a caller away whose context has ended; false if the call has not ended by then.
func (g *Group[T, R]) abandon(c *Call[T, R]) (ended bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-c.ended:
		return true
	default:
	}
	if c.batch == nil {
		g.waiting = slices.DeleteFunc(g.waiting, func(w *Call[T, R]) bool { return w == c })
		return false
	}
	if c.batch.left--; c.batch.left == 0 {
		c.batch.cancel()
	}
	return false
}
