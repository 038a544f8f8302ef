package stripesim

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// searchIndex delays what a search sees: it keeps the snapshots that changes have replaced, for as
// long as a search is to find those. An index without a lag costs nothing.
type searchIndex struct {
	clock *clock
	lag   atomic.Int64 // nanoseconds

	mu     sync.Mutex
	recent []indexChange // oldest first
}

type indexChange struct {
	at     time.Time
	object lockKey
	before view // nil: the object is new
}

// note records a change of a searchable object.
func (x *searchIndex) note(k kind, r ref, before view) {
	if x.lag.Load() == 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.recent = append(x.recent, indexChange{x.clock.now(), lockKey{k, r}, before})
}

// stale returns what a search sees of the objects that have changed lately.
func (x *searchIndex) stale() map[lockKey]view {
	x.mu.Lock()
	defer x.mu.Unlock()
	visible := x.clock.now().Add(-time.Duration(x.lag.Load()))
	for len(x.recent) > 0 && !x.recent[0].at.After(visible) {
		x.recent = x.recent[1:]
	}
	seen := make(map[lockKey]view)
	for _, change := range slices.Backward(x.recent) {
		seen[change.object] = change.before
	}
	return seen
}
