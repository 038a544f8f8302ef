package redislock

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// answer is one node's answer. If err is not nil, the rest means nothing.
type answer struct {
	yes    bool
	holder string // the token that holds the key, for a refused obtain
	err    error
}

// ballot counts the nodes' answers to one question, until no further answer could change the
// outcome.
type ballot struct {
	nodes, quorum int
	refused       error // the outcome if a quorum refuses and names the same holder

	done    chan struct{} // closed once outcome is set
	outcome error         // nil if a quorum said yes

	mu               sync.Mutex
	yes, no, unclear int
	holders          map[string]int // count of no, by holder
	failure          error          // the last of those that were unclear
}

// errSplit is the outcome if enough nodes have answered, but no quorum agrees.
var errSplit = errors.New("the Redis nodes disagree: no quorum")

// errOneServer: a node already has the token that is new to it.
var errOneServer = errors.New("two of the Redis nodes are the same server: give each node's URL " +
	"once, and let each lead to a Redis server of its own")

func newBallot(nodes int, refused error) *ballot {
	return &ballot{
		nodes: nodes, quorum: nodes/2 + 1, refused: refused, done: make(chan struct{}),
	}
}

// cast counts a node's answer.
func (b *ballot) cast(a answer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case errors.Is(a.err, errOneServer):
		b.decide(a.err)
		return
	case a.err != nil:
		b.unclear++
		b.failure = a.err
	case a.yes:
		b.yes++
	default:
		if b.holders == nil {
			b.holders = make(map[string]int)
		}
		b.no++
		b.holders[a.holder]++
	}
	switch {
	case b.yes == b.quorum:
		b.decide(nil)
	case b.unclear == b.quorum:
		b.decide(fmt.Errorf("%d of %d Redis nodes failed: %w", b.unclear, b.nodes, a.err))
	case b.holders[a.holder] == b.quorum:
		b.decide(b.refused)
	case b.no == b.quorum:
		b.decide(errSplit)
	case b.yes+b.no+b.unclear == b.nodes && b.unclear > 0:
		// Whoever has the rest may be gone, and only a node that failed could tell.
		b.decide(fmt.Errorf("%w: %d of %d failed: %w", errSplit, b.unclear, b.nodes, b.failure))
	case b.yes+b.no == b.nodes:
		b.decide(errSplit)
	}
}

// decide sets the outcome, once. The caller holds the mutex.
func (b *ballot) decide(outcome error) {
	select {
	case <-b.done:
	default:
		b.outcome = outcome
		close(b.done)
	}
}

// wait returns the outcome, or the context's error if that ends first.
func (b *ballot) wait(ctx context.Context) error {
	select {
	case <-b.done:
	case <-ctx.Done():
	}
	select {
	case <-b.done:
		return b.outcome
	default:
		return ctx.Err()
	}
}
