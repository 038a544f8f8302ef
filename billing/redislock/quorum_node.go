package redislock

import (
	"context"
	"errors"
	"net"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// request asks one node about one lease, through a script. All scripts take the key, the token and
// perhaps the TTL, and answer 1 for yes.
type request struct {
	lease  *lease
	script string
	ballot *ballot  // receives the node's answer; nil once it has
	undoes *request // the obtain that a release undoes
	state  state    // guarded by the node's mutex
}

// state is whether an obtain may have set its key.
type state int

const (
	queued state = iota
	sent         // it may have, with or without an answer
	unset        // it has not, and never will
)

// rest is how long an unreachable node is not asked: short compared with a lease, so it is soon
// back; long compared with a round trip, so a dead node costs next to nothing.
const rest = 250 * time.Millisecond

// maxSenders limits the pipelines in flight to a node: with more, fewer requests would share one;
// with fewer, requests would wait for others' answers.
const maxSenders = 4

// node is a Redis server and its queue. Goroutines send the queued requests, each batch in one
// pipeline, and end when the queue is empty. Requests about the same key stay in order: a batch has
// none about a key that is in flight in another.
type node struct {
	client    Client
	link      *link
	o         Options
	ttlMillis any // int64

	mu        sync.Mutex
	queue     []*request
	inFlight  map[any]bool // keys
	senders   int
	idle      chan struct{} // closed when the last sender ends; nil if there is none
	restsTill time.Time
	failure   error // the reason for its rest
}

func newNode(client Client, o Options) *node {
	return &node{
		client: client, link: newLink(client), o: o, ttlMillis: o.TTL.Milliseconds(),
		inFlight: make(map[any]bool),
	}
}

// ask queues the request. If the answer is already known, its ballot gets it at once.
func (n *node) ask(r *request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if r.undoes != nil && r.undoes.state == queued {
		n.queue = slices.DeleteFunc(n.queue, func(q *request) bool { return q == r.undoes })
		r.undoes.state = unset
	}
	if n.answered(r) {
		return
	}
	n.queue = append(n.queue, r)
	if n.senders < maxSenders {
		if n.senders == 0 {
			n.idle = make(chan struct{})
		}
		n.senders++
		go n.work()
	}
}

// answered answers a request that need not be sent, and reports whether it did. The caller holds
// the mutex.
func (n *node) answered(r *request) bool {
	resting := n.o.Now().Before(n.restsTill)
	switch {
	case r.undoes != nil && r.undoes.state == unset:
		r.cast(answer{})
		return true
	case r.undoes != nil && resting: // send the release, but don't wait for its answer
		r.cast(answer{err: n.failure})
	case resting:
		r.state = unset
		r.cast(answer{err: n.failure})
		return true
	}
	return false
}

// work sends batches until the queue has nothing to send.
func (n *node) work() {
	// An answer often wakes many callers at once. Let them ask first, and share the pipeline.
	runtime.Gosched()
	for batch := n.next(nil); batch != nil; batch = n.next(batch) {
		n.send(batch)
	}
}

// next takes the next batch from the queue, after the one that was sent before. If it returns nil,
// the sender must end.
func (n *node) next(before []*request) (batch []*request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range before {
		delete(n.inFlight, r.lease.key)
	}
	left := n.queue[:0]
	for _, r := range n.queue {
		switch {
		case n.inFlight[r.lease.key]:
			left = append(left, r)
		case !n.answered(r):
			r.state = sent
			batch = append(batch, r)
		}
	}
	clear(n.queue[len(left):])
	n.queue = left
	for _, r := range batch {
		n.inFlight[r.lease.key] = true
	}
	if batch == nil {
		if n.senders--; n.senders == 0 {
			close(n.idle)
			n.idle = nil
		}
	}
	return batch
}

// send sends the requests in one pipeline and casts the answers. The client's time-outs bound it,
// not the callers' contexts: a caller may have given up while others wait.
func (n *node) send(batch []*request) {
	ctx := context.Background()
	cmds := make([]redis.Cmder, len(batch))
	for i, r := range batch {
		// EVAL, not EVALSHA: loading a missing script would break the order.
		cmds[i] = evalOnce{redis.NewCmd(
			ctx, "eval", r.script, "1", r.lease.key, r.lease.token, n.ttlMillis)}
	}
	n.link.pipeline(ctx, n.client, cmds)

	n.mu.Lock()
	defer n.mu.Unlock()
	for i, r := range batch {
		value, err := cmds[i].(evalOnce).Val(), cmds[i].Err()
		a := answer{yes: value == int64(1), err: err}
		a.holder, _ = value.(string)
		if a.holder != "" && any(a.holder) == r.lease.token {
			a.err = errOneServer
		}
		if !a.yes && !unanswered(a.err) {
			r.state = unset
		}
		r.cast(a)
	}
	// If the connection failed, the last command failed, too.
	if err := cmds[len(cmds)-1].Err(); unreachable(err) {
		n.restsTill, n.failure = n.o.Now().Add(rest), err
	}
}

// evalOnce is an EVAL that go-redis never retries, whatever the client's options: after a retry, a
// failure to connect doesn't mean that nothing was sent.
type evalOnce struct{ *redis.Cmd }

func (evalOnce) NoRetry() bool { return true }

// unreachable reports whether the next request to a node that failed with err would probably fail
// or time out, too: it refused the connection, or gave no answer in time. A node that only dropped
// the connection may accept the next one.
func unreachable(err error) bool {
	if _, answered := errors.AsType[redis.Error](err); err == nil || answered {
		return false
	}
	network, ok := errors.AsType[net.Error](err)
	return ok && network.Timeout() || !unanswered(err)
}

// flush waits until the node has no sender.
func (n *node) flush(ctx context.Context) error {
	n.mu.Lock()
	idle := n.idle
	n.mu.Unlock()
	if idle == nil {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// cast passes the node's first answer to the ballot.
func (r *request) cast(a answer) {
	if r.ballot != nil {
		r.ballot.cast(a)
		r.ballot = nil
	}
}
