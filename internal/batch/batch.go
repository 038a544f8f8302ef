// Package batch turns calls made at the same time into one: one statement, one pipeline.
//
// If nothing is in flight, a call runs at once, alone, on its caller's goroutine, and costs what it
// would without this package. Calls that arrive while others are in flight share the next batch, so
// the busier it gets, the more calls share a round trip. A call lingers for company only if the
// batch before it had several calls.
package batch

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// Call is one call of Do. Run reads Given and sets Result or Err.
type Call[T, R any] struct {
	Given  T
	Result R
	Err    error

	alone [1]*Call[T, R]
	ended chan struct{} // closed when Result and Err may be read; nil for a call that runs alone
	batch *batch        // nil while the call waits
}

// batch is the state that the calls of one batch share.
type batch struct {
	left   int // callers that still wait for it
	cancel context.CancelFunc
}

// Batcher batches calls. Run must be set; set the fields before the first call and leave them. Safe
// for concurrent use. It needs no Close: it has a goroutine only while calls are in flight.
type Batcher[T, R any] struct {
	// Run makes the calls and sets the Result or the Err of each. A call that runs alone brings its
	// caller's context. The context of a batch ends when the contexts of all its callers have
	// ended: one caller that gives up must not fail the others.
	Run func(context.Context, []*Call[T, R])
	// Key, if set, orders each batch by its calls' keys and keeps two calls of one key apart: the
	// later one runs after the earlier has ended. nil: batches have the order of arrival.
	Key func(T) string
	// MaxSize is the number of calls in a batch; 0 means DefaultMaxSize.
	MaxSize int
	// MaxInFlight is the number of batches in flight; 0 means one. With a Key it is always one:
	// two batches in flight could have a key in common.
	MaxInFlight int
	// Linger is how long a batch waits until it is as large as the one before. Callers that were
	// answered together come back together, though not at the same instant; running the first of
	// them alone would double the number of round trips. 0: batches never wait.
	Linger time.Duration
	// Settle, if set, lets a batch become larger than the one before: several calls wait, for
	// Linger at most, until none has come for this long.
	Settle time.Duration

	mu       sync.Mutex
	waiting  []*Call[T, R]
	inFlight int           // goroutines that run calls, or are about to
	last     int           // size of the batch before
	enough   chan struct{} // closed when that many wait; nil if no batch lingers
}

// DefaultMaxSize is where larger batches stop paying off: a round trip divided by 500 is small
// beside the cost of a row or a command, and 500 answers still fit into a socket's buffers.
const DefaultMaxSize = 500

// Do makes a call, alone or in a batch, and returns when it has ended. If ctx ends first, Do
// returns its error at once; a call in flight may still be carried out, as if its answer was lost.
func (b *Batcher[T, R]) Do(ctx context.Context, given T) (R, error) {
	var none R
	if err := ctx.Err(); err != nil {
		return none, err
	}
	c := &Call[T, R]{Given: given}
	if b.begin(c) {
		c.alone[0] = c
		b.Run(ctx, c.alone[:])
		b.end()
		return c.Result, c.Err
	}
	select {
	case <-c.ended:
	case <-ctx.Done():
		if !b.abandon(c) {
			return none, ctx.Err()
		}
	}
	return c.Result, c.Err
}

// begin reports whether the call may run at once. If not, it queues the call.
func (b *Batcher[T, R]) begin(c *Call[T, R]) (now bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	free := b.inFlight == 0 || b.Key == nil && b.inFlight < b.MaxInFlight
	if free {
		b.inFlight++
		if b.Linger == 0 || b.last <= 1 {
			return true
		}
	}
	c.ended = make(chan struct{})
	b.waiting = append(b.waiting, c)
	if free {
		go b.drain()
	}
	if b.enough != nil && len(b.waiting) >= b.last {
		close(b.enough)
		b.enough = nil
	}
	return false
}

// end ends a call that ran alone, and starts a batch if others wait.
func (b *Batcher[T, R]) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == 0 {
		b.inFlight--
		return
	}
	go b.drain()
}

// drain runs batches until no call waits.
func (b *Batcher[T, R]) drain() {
	for {
		b.linger()
		calls, ctx, cancel := b.take()
		if calls == nil {
			return
		}
		b.Run(ctx, calls)
		cancel()
		for _, c := range calls {
			close(c.ended)
		}
	}
}

// linger returns when as many calls wait as the batch before had, or none comes any more; or when
// Linger is over.
func (b *Batcher[T, R]) linger() {
	b.mu.Lock()
	n := len(b.waiting)
	if b.Linger == 0 || n == 0 || n >= b.last && (n == 1 || b.Settle == 0) {
		b.mu.Unlock()
		return
	}
	if b.Settle > 0 {
		b.mu.Unlock()
		b.settle(n)
		return
	}
	if b.enough == nil {
		b.enough = make(chan struct{})
	}
	enough := b.enough
	b.mu.Unlock()
	timer := time.NewTimer(b.Linger)
	defer timer.Stop()
	select {
	case <-enough:
	case <-timer.C:
	}
}

// settle returns when none has come for as long as Settle, or a batch is full.
func (b *Batcher[T, R]) settle(n int) {
	tick := time.NewTicker(b.Settle)
	defer tick.Stop()
	for range b.Linger / b.Settle {
		<-tick.C
		b.mu.Lock()
		before := n
		n = len(b.waiting)
		b.mu.Unlock()
		if n <= before || n >= cmp.Or(b.MaxSize, DefaultMaxSize) {
			return
		}
	}
}

// take returns the next batch and its context; nil if no call waits.
func (b *Batcher[T, R]) take() (
	calls []*Call[T, R], ctx context.Context, cancel context.CancelFunc,
) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == 0 {
		b.inFlight--
		return nil, nil, nil
	}
	calls, b.waiting = b.choose()
	b.last = len(calls)
	ctx, cancel = context.WithCancel(context.Background())
	shared := &batch{len(calls), cancel}
	for _, c := range calls {
		c.batch = shared
	}
	return calls, ctx, cancel
}

// choose splits the waiting calls into the next batch and the rest, which keeps its order.
func (b *Batcher[T, R]) choose() (calls, rest []*Call[T, R]) {
	size := min(cmp.Or(b.MaxSize, DefaultMaxSize), len(b.waiting))
	if b.Key == nil {
		return slices.Clone(b.waiting[:size]), slices.Delete(b.waiting, 0, size)
	}
	byKey := make(map[string]*Call[T, R], size)
	for _, c := range b.waiting {
		key := b.Key(c.Given)
		if byKey[key] != nil || len(byKey) == size {
			rest = append(rest, c)
		} else {
			byKey[key] = c
		}
	}
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		calls = append(calls, byKey[key])
	}
	return calls, rest
}

// abandon withdraws a call whose caller's context has ended. It reports whether the call has ended
// already, so that its result counts.
func (b *Batcher[T, R]) abandon(c *Call[T, R]) (ended bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-c.ended:
		return true
	default:
	}
	if c.batch == nil {
		b.waiting = slices.DeleteFunc(b.waiting, func(w *Call[T, R]) bool { return w == c })
		return false
	}
	if c.batch.left--; c.batch.left == 0 {
		c.batch.cancel()
	}
	return false
}
