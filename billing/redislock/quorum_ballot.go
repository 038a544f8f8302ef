package redislock

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// answer is what a node said; with an error, nothing that counts.
type answer struct {
	yes    bool
	holder string // whose the key is, if it is another's and that was asked
	err    error
}

// ballot counts the nodes' answers to one question. It is decided as soon as no further answer
// could change the outcome.
type ballot struct {
	nodes, quorum int
	refused       error // the outcome if a quorum says no, with one voice

	done    chan struct{} // closed once outcome is set
	outcome error         // nil: a quorum said yes

	mu               sync.Mutex
	yes, no, unclear int
	holders          map[string]int // noes by holder
}

// errSplit is the outcome if nodes that suffice for a quorum have answered, each its own way.
var errSplit = errors.New("the Redis nodes disagree, and none of them makes a quorum")

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
	case a.err != nil:
		b.unclear++
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
	case b.no == b.quorum, b.yes+b.no+b.unclear == b.nodes:
		b.decide(errSplit)
	}
}

// decide is called with the mutex held. The first decision stands.
func (b *ballot) decide(outcome error) {
	select {
	case <-b.done:
	default:
		b.outcome = outcome
		close(b.done)
	}
}

// wait returns the outcome; the context's error if that ends first.
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
