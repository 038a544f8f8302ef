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

// request is what one node is asked about one lease, by one of the scripts. Each takes the key, the
// token and, if it needs one, the TTL, and answers 1 for yes.
type request struct {
	lease  *lease
	script string
	ballot *ballot  // is told the node's answer; nil: has been
	undoes *request // the obtain that a release undoes
	state  state    // guarded by the node's mutex
}

// state says whether an obtain may have set its key.
type state int

const (
	queued state = iota
	sent         // it may have; also if no answer came
	unset        // it hasn't, and won't
)

// rest is how long a node isn't asked after it couldn't be reached: short beside a lease, so that
// it is soon back; long beside a round trip, so that being dead it costs next to nothing.
const rest = 250 * time.Millisecond

// maxSenders is how many pipelines are on their way to a node at once: more would leave less to
// share one, fewer would keep requests waiting for another's answer.
const maxSenders = 4

// node is a Redis server and the queue before it, from which goroutines take what there is and send
// it, each batch in one pipeline. They live while there is something to take. Requests about the
// same key stay in order: no batch has one while another's is on its way.
type node struct {
	client    redis.UniversalClient
	o         Options
	ttlMillis any // int64

	mu        sync.Mutex
	queue     []*request
	onTheWay  map[any]bool // keys
	senders   int
	idle      chan struct{} // closed when there is no sender any more
	restsTill time.Time
	failure   error // why it rests
}

func newNode(client redis.UniversalClient, o Options) *node {
	return &node{
		client: client, o: o, ttlMillis: o.TTL.Milliseconds(), onTheWay: make(map[any]bool),
	}
}

// ask puts the request into the queue. Its ballot hears at once, if the answer is known.
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

// answered answers a request that isn't to be sent, and reports whether it is one. It is called
// with the mutex held.
func (n *node) answered(r *request) bool {
	resting := n.o.Now().Before(n.restsTill)
	switch {
	case r.undoes != nil && r.undoes.state == unset:
		r.cast(answer{})
		return true
	case r.undoes != nil && resting: // it is told all the same, but nobody waits for that
		r.cast(answer{err: n.failure})
	case resting:
		r.state = unset
		r.cast(answer{err: n.failure})
		return true
	}
	return false
}

// work sends what is in the queue until there is nothing to be taken.
func (n *node) work() {
	// An answer often wakes many callers at once. Those who are about to ask may do so first, and
	// share the pipeline.
	runtime.Gosched()
	for batch := n.next(nil); batch != nil; batch = n.next(batch) {
		n.send(batch)
	}
}

// next takes from the queue what is to be sent together, after what was sent before. Nil: nothing
// is, and the sender's time is over.
func (n *node) next(before []*request) (batch []*request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range before {
		delete(n.onTheWay, r.lease.key)
	}
	left := n.queue[:0]
	for _, r := range n.queue {
		switch {
		case n.onTheWay[r.lease.key]:
			left = append(left, r)
		case !n.answered(r):
			r.state = sent
			batch = append(batch, r)
		}
	}
	clear(n.queue[len(left):])
	n.queue = left
	for _, r := range batch {
		n.onTheWay[r.lease.key] = true
	}
	if batch == nil {
		if n.senders--; n.senders == 0 {
			close(n.idle)
			n.idle = nil
		}
	}
	return batch
}

// send sends the requests in one pipeline and passes the answers on. How long it waits for them is
// the client's business: the requests' own callers may wait for other nodes, or no longer.
func (n *node) send(batch []*request) {
	ctx := context.Background()
	pipe := n.client.Pipeline()
	cmds := make([]*redis.Cmd, len(batch))
	for i, r := range batch {
		// EVAL, not EVALSHA: a script that a node has to be told of first would come out of turn.
		cmds[i] = redis.NewCmd(
			ctx, "eval", r.script, "1", r.lease.key, r.lease.token, n.ttlMillis)
		_ = pipe.Process(ctx, evalOnce{cmds[i]})
	}
	_, _ = pipe.Exec(ctx) // its error is the commands' first

	n.mu.Lock()
	defer n.mu.Unlock()
	for i, r := range batch {
		a := answer{yes: cmds[i].Val() == int64(1), err: cmds[i].Err()}
		a.holder, _ = cmds[i].Val().(string)
		if !a.yes && !unanswered(a.err) {
			r.state = unset
		}
		r.cast(a)
	}
	// If the connection failed, it failed for the last of them.
	if err := cmds[len(cmds)-1].Err(); unreachable(err) {
		n.restsTill, n.failure = n.o.Now().Add(rest), err
	}
}

// evalOnce is a command that go-redis never sends again, whatever the client's options: if it was
// sent before, a failure to connect no longer says that it wasn't.
type evalOnce struct{ *redis.Cmd }

func (evalOnce) NoRetry() bool { return true }

// unreachable reports whether a node that failed like this is likely to fail again at once, or to
// keep the next request waiting as long: it took no connection, or gave no answer in time. One that
// dropped the connection is not; it may be back on the next.
func unreachable(err error) bool {
	if _, answered := errors.AsType[redis.Error](err); err == nil || answered {
		return false
	}
	network, ok := errors.AsType[net.Error](err)
	return ok && network.Timeout() || !unanswered(err)
}

// flush waits until the queue has been worked off.
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

// cast passes the node's answer on, the first that there is.
func (r *request) cast(a answer) {
	if r.ballot != nil {
		r.ballot.cast(a)
		r.ballot = nil
	}
}
