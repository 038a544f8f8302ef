package redislock

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"example.com/triplecharge/billing"
)

//go:embed quorum.lua
var quorumLua string

// Quorum hands out leases on several independent Redis servers, its nodes. It implements Redlock,
// https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/. A lease is a key with
// the same random token on more than half of the nodes, so two of five may fail. Safe for
// concurrent use. It needs no Close: a node runs goroutines only while requests to it are in
// flight. Call Flush before closing the clients or ending the process.
//
//	obtain   quorum.lua   sent to all nodes at once; succeeds once a quorum has set the key
//	renew    renew.lua    the same; a quorum must still have the token
//	release  release.lua  sent to each node after that node's obtain
//
// Each node has a queue, whose requests share pipelines. A slow or dead node holds up nobody, since
// the others' answers suffice. An obtain still in a node's queue when the lease is released is
// never sent, so a slow node catches up soon, and its queue is bounded by the leases held.
//
// # What a lease is worth
//
// As for a Locker, a lease is valid until (time before asking the first node) + TTL − margin. It
// survives the loss of a Redis server, but three weaknesses remain:
//
//   - Nodes that forget. Suppose the lease is on nodes 1, 2 and 3, and node 3 restarts empty:
//     another server can obtain 3, 4 and 5. Both leases look valid until the first server's next
//     renewal, up to a third of the TTL later. If a majority restarts empty, this is certain. Keep
//     a node that lost its keys offline for a TTL, or let nodes fsync always. A renewal never
//     restores a key.
//   - Clocks. Redis measures TTLs by the time of day, so a node whose clock jumps ahead expires
//     keys early. The server's own clock is monotonic, but may stop while its virtual machine is
//     suspended.
//   - Pauses. Any time may pass between calling Valid and acting on it. No lock can prevent that.
//
// Martin Kleppmann concludes that Redlock is too weak where correctness depends on the lock, and
// too complex where it only saves work,
// https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html. Its author replies
// that clocks need only be roughly right, and that a resource can check the random token as well as
// a fencing token, http://antirez.com/news/101. Neither helps the card: Stripe checks no token, and
// a late charge is still a charge.
type Quorum struct {
	nodes    []*node
	o        Options
	renewals *renewals
}

// NewQuorum returns a Quorum with one client per node. The options are as for New. There must be
// three nodes or more, and an odd number: a fourth node would not survive one more loss. They must
// be independent: not replicas of each other, nor two clients of the same server.
//
// A node that refuses connections or exceeds its client's time-outs is not asked again for 250 ms.
// If there is no quorum without it, requests fail at once meanwhile.
func NewQuorum(nodes []Client, o Options) (*Quorum, error) {
	if len(nodes) < 3 || len(nodes)%2 == 0 {
		return nil, fmt.Errorf("redlock on %d Redis nodes: want 3, 5 or another odd number",
			len(nodes))
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	q := &Quorum{o: o}
	for _, client := range nodes {
		q.nodes = append(q.nodes, newNode(client, o))
	}
	q.renewals = newRenewals(o, q.renew)
	return q, nil
}

// If several servers ask at once, each may get some nodes and none a quorum. They all release their
// nodes and ask again after a pause. It is random, so one of them comes first, and doubles each
// time, to outgrow the time between their requests. After ten rounds one split in a million is
// left.
const (
	firstPause  = time.Millisecond
	splitRounds = 10
)

// errPerhapsOwn: nodes that hung execute what they were sent when they are back, perhaps an attempt
// after its release. Its key expires within a TTL, so this error is temporary.
var errPerhapsOwn = errors.New("held, perhaps by an earlier attempt, whose answer was lost")

var errLate = errors.New("the lease ran out before a quorum had answered")

// Obtain returns the lease for the key. The error is billing.ErrHeld if there is a lease already,
// even one of this server; billing.ErrUnavailable if no quorum could be reached for longer than the
// patience, or a quorum lets this server not renew or release. It returns as soon as a quorum has
// answered.
//
// A failed obtain is released on every node that may have set the key. A node whose answer was lost
// counts neither for the lease nor against it; if it executes the obtain only after the release,
// the key is blocked there for one TTL. So a key that is held after a lost answer is waited for.
func (q *Quorum) Obtain(ctx context.Context, key string) (billing.Lease, error) {
	var h *quorumLease
	var lost bool
	err := patiently(ctx, q.o.Patience, func() (err error) {
		h, err = q.contend(ctx, key, &lost)
		return err
	})
	if errors.Is(err, billing.ErrHeld) {
		return nil, billing.ErrHeld
	} else if err != nil {
		return nil, fmt.Errorf("obtain lease %s: %w", key, unavailable(ctx, err))
	}
	return h, nil
}

// contend asks all nodes until they agree. If the last of many splits is due to a node that failed,
// the error is the node's. lost becomes true once an answer is lost.
func (q *Quorum) contend(ctx context.Context, key string, lost *bool) (*quorumLease, error) {
	for n := 0; ; n++ {
		h, err := q.obtain(ctx, key)
		if n == splitRounds && err == errSplit {
			err = billing.ErrHeld
		}
		switch held := errors.Is(err, billing.ErrHeld); {
		case held && *lost:
			return nil, errPerhapsOwn
		case !held && err != errSplit:
			*lost = *lost || unanswered(err)
		}
		if n == splitRounds || !errors.Is(err, errSplit) {
			return h, err
		}
		select {
		case <-time.After(mathrand.N(firstPause << n)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// obtain asks each node once.
func (q *Quorum) obtain(ctx context.Context, key string) (*quorumLease, error) {
	h := &quorumLease{lease: newLease(key, q.o), quorum: q}
	sent := q.o.Now()
	var answers *ballot
	h.obtains, answers = q.ask(request{lease: h.lease, script: quorumLua}, billing.ErrHeld)
	err := answers.wait(ctx)
	if err == nil && !q.o.Now().Before(sent.Add(q.o.TTL-margin(q.o.TTL))) {
		err = errLate
	}
	if err == nil {
		q.renewals.add(h.lease, sent)
		return h, nil
	}
	// The caller may exit after this error, so return only once a quorum has released.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonTimeout)
	defer cancel()
	_ = h.release().wait(ctx)
	return nil, err
}

// ask sends the request to every node.
func (q *Quorum) ask(r request, refused error) ([]request, *ballot) {
	r.ballot = newBallot(len(q.nodes), refused)
	requests := make([]request, len(q.nodes))
	for i, n := range q.nodes {
		requests[i] = r
		n.ask(&requests[i])
	}
	return requests, r.ballot
}

// renew asks all nodes to renew each lease and returns the outcome of each: nil if a quorum renewed
// it, billing.ErrLeaseLost if a quorum no longer has it, any other error if unknown.
func (q *Quorum) renew(ctx context.Context, leases []*lease) []error {
	answers := make([]*ballot, len(leases))
	for i, h := range leases {
		_, answers[i] = q.ask(request{lease: h, script: renewLua}, billing.ErrLeaseLost)
	}
	outcomes := make([]error, len(leases))
	for i := range outcomes {
		outcomes[i] = answers[i].wait(ctx)
	}
	return outcomes
}

// Flush waits until all queues are empty, and returns ctx's error if it ends first. Call it after
// all leases have been released, since Release waits only for a quorum.
func (q *Quorum) Flush(ctx context.Context) error {
	for _, n := range q.nodes {
		if err := n.flush(ctx); err != nil {
			return fmt.Errorf("wait for Redis nodes: %w", err)
		}
	}
	return nil
}

// quorumLease is a billing.Lease, with the Valid of the lease in it.
type quorumLease struct {
	*lease

	quorum  *Quorum
	obtains []request // in the order of the nodes
}

// Release ends the lease's validity and renewals, and deletes its key on every node that still has
// the lease's token. It returns once a quorum has. If a quorum no longer has the token, the error
// is billing.ErrLeaseLost.
func (h *quorumLease) Release(ctx context.Context) error {
	left := h.renewals.drop(h.lease)
	tried := false // if so, some nodes may have deleted it
	err := patiently(ctx, min(left, h.quorum.o.Patience), func() error {
		err := h.release().wait(ctx)
		if tried && errors.Is(err, billing.ErrLeaseLost) {
			return nil
		}
		tried = true
		return err
	})
	if err != nil {
		return fmt.Errorf("release lease %s: %w", h.name, explained(err))
	}
	return nil
}

// release sends the release to every node, after its obtain.
func (h *quorumLease) release() *ballot {
	answers := newBallot(len(h.obtains), billing.ErrLeaseLost)
	for i, n := range h.quorum.nodes {
		n.ask(&request{
			lease: h.lease, script: releaseLua, ballot: answers, undoes: &h.obtains[i],
		})
	}
	return answers
}
