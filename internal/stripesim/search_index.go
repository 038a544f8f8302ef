package stripesim

import (
	"sync"
	"sync/atomic"
	"time"
)

// searchIndex is what a search sees: the objects themselves or, if it lags, the objects as they
// were a while ago. An index without a lag costs nothing.
type searchIndex struct {
	clock   *clock
	lagging atomic.Bool

	mu      sync.Mutex
	lag     time.Duration
	shown   map[lockKey]view // what has reached the index
	pending []indexChange    // what has not, oldest first
}

type indexChange struct {
	at     time.Time
	object lockKey
	to     view
}

// setLag changes how long a change takes to become visible. An index that begins to lag starts with
// all objects.
func (x *searchIndex) setLag(a *account, lag time.Duration) {
	if !x.begin(lag) {
		return
	}
	// Not under the lock, since a table calls note under its own lock. A change made meanwhile is
	// visible at once, as if it had come a moment before.
	for _, k := range []kind{kindCustomer, kindIntent, kindCharge} {
		for r := a.tables[k].len(); r > 0; r-- {
			x.show(lockKey{k, r}, a.tables[k].load(r))
		}
	}
}

// begin sets the lag and reports whether the index begins to lag with it.
func (x *searchIndex) begin(lag time.Duration) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.lag = lag
	if lag == 0 {
		x.lagging.Store(false)
		x.shown, x.pending = nil, nil
		return false
	}
	if x.lagging.Load() {
		return false
	}
	x.shown = make(map[lockKey]view)
	x.lagging.Store(true)
	return true
}

// show puts an object into the index unless it is there.
func (x *searchIndex) show(object lockKey, as view) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, there := x.shown[object]; !there && x.shown != nil {
		x.shown[object] = as
	}
}

// note records a change of a searchable object.
func (x *searchIndex) note(k kind, r ref, to view) {
	if !x.lagging.Load() {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.shown == nil {
		return
	}
	x.pending = append(x.pending, indexChange{x.clock.now(), lockKey{k, r}, to})
}

// view returns an object as a search sees it, nil if it does not see it.
func (x *searchIndex) view(a *account, k kind, r ref) view {
	if !x.lagging.Load() {
		return a.tables[k].load(r)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.shown == nil {
		return nil
	}
	now := x.clock.now()
	for len(x.pending) > 0 && now.Sub(x.pending[0].at) >= x.lag {
		x.shown[x.pending[0].object] = x.pending[0].to
		x.pending = x.pending[1:]
	}
	return x.shown[lockKey{k, r}]
}
