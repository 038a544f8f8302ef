package redislock

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/triplecharge/billing"
)

//go:embed quorum.lua
var quorumLua string

// Quorum hands out leases on several independent Redis servers, its nodes: Redlock, as
// https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/ describes it. A lease is
// a key with the same random token on more than half of the nodes; so two of five may be lost. Safe
// for concurrent use. It needs no Close: a node has a goroutine only while something is on its way
// to it. Before its clients are closed, or the process ends, call Flush.
//
//	obtain   quorum.lua   sent to all nodes at once; as soon as a quorum has said yes, it is one
//	renew    renew.lua    the same; a quorum must still have the token
//	release  release.lua  sent to each node behind its own obtain, so that it can't come before it
//
// Each node has a queue, whose requests share a pipeline. A node that is slow or dead holds up
// nobody: the others' answers suffice. What hasn't been sent to it by the time the lease is
// released never is, so it catches up as soon as it can, and its queue is never longer than the
// leases in hand make it.
//
// # What a lease is worth
//
// Trust ends as a Locker's does: at (time before the first node was asked) + TTL − margin. That
// takes one Redis server out of what must not fail, and leaves the rest of what is said there:
//
//   - Nodes that forget. A lease on nodes 1, 2 and 3 is void once node 3 restarts empty: another
//     server obtains 3, 4 and 5. The one who was first notices when it next renews, a third of the
//     TTL later; until then both trust their leases. If a majority restarts empty this is certain.
//     Keep nodes that lost their keys away for a TTL, or let them fsync always. A renewal never
//     gives such a node its key back.
//   - Clocks. A node's that jumps ahead expires its keys early; Redis measures TTLs by the time of
//     day, which can jump. The server's own is a monotonic one, that may stand still while a
//     virtual machine is suspended.
//   - Pauses. Between asking Trusted and acting on it, any time may pass, and no lock can help it.
//
// Martin Kleppmann holds that Redlock is therefore too little where a lock must be right, and too
// much where it only saves work,
// https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html. Its author replies
// that clocks need only be about right, and that a resource can check the random token as well as
// a fencing token, http://antirez.com/news/101. The card is beyond both: Stripe checks no token,
// and a charge that comes late is a charge.
type Quorum struct {
	nodes    []*node
	o        Options
	renewals *renewals
}

// NewQuorum returns a Quorum over one client for each node, and refuses what New does. The nodes
// must be an odd number, since one more than that loses no more of them; three or more; and
// independent: no replicas of each other, no two clients of the same server.
//
// A node that gives no answer within its client's time-outs, or takes no connection, is left alone
// for a moment. Where a quorum can't be had without it, that is what the first to ask waits for.
func NewQuorum(nodes []redis.UniversalClient, o Options) (*Quorum, error) {
	if len(nodes) < 3 || len(nodes)%2 == 0 {
		return nil, fmt.Errorf("redlock on %d Redis nodes: want an odd number of them, 3 or more",
			len(nodes))
	}
	if _, err := New(nodes[0], o); err != nil {
		return nil, err
	}
	q := &Quorum{o: o}
	for _, client := range nodes {
		q.nodes = append(q.nodes, newNode(client, o))
	}
	q.renewals = newRenewals(o, q.renew)
	return q, nil
}

// When several servers ask for a lease at once each may get some of the nodes and none a quorum.
// They all give back what they got, and ask again after a pause that is random, so that one of
// them comes first, and twice as long each time, so that it gets longer than their requests
// differ. After the tenth, half a second, one in a million is left.
const (
	firstPause  = time.Millisecond
	splitRounds = 10
)

var errLate = errors.New("the lease ran out before a quorum had answered")

// Obtain returns the lease of the key, or billing.ErrHeld if another has it, this server included.
// Both come as soon as a quorum says so. If a quorum can't be reached it is another error.
//
// An obtain that comes to nothing is released on every node where it may have left its key. A node
// whose answer was lost counts neither for the lease nor against it; should it carry out the
// obtain after its release, the key is taken there for one TTL.
func (q *Quorum) Obtain(ctx context.Context, key string) (billing.Lease, error) {
	for n := 0; ; n++ {
		h, err := q.obtain(ctx, key)
		switch {
		case err == nil:
			return h, nil
		case errors.Is(err, billing.ErrHeld), errors.Is(err, errSplit) && n == splitRounds:
			return nil, billing.ErrHeld
		case !errors.Is(err, errSplit):
			return nil, fmt.Errorf("obtain lease %s: %w", key, err)
		}
		select {
		case <-time.After(mathrand.N(firstPause << n)):
		case <-ctx.Done():
			return nil, fmt.Errorf("obtain lease %s: %w", key, ctx.Err())
		}
	}
}

// obtain asks each node once.
func (q *Quorum) obtain(ctx context.Context, key string) (*quorumLease, error) {
	h := &quorumLease{
		lease: lease{
			name:  key,
			key:   q.o.Prefix + key,
			token: q.o.Server + ":" + rand.Text(),
		},
		quorum: q,
	}
	sent := q.o.Now()
	var answers *ballot
	h.obtains, answers = q.ask(request{lease: &h.lease, script: quorumLua}, billing.ErrHeld)
	err := answers.wait(ctx)
	if err == nil && !q.o.Now().Before(sent.Add(q.o.TTL-margin(q.o.TTL))) {
		err = errLate
	}
	if err == nil {
		q.renewals.add(&h.lease, sent)
		return h, nil
	}
	// Whoever is told may end the process next, so he hears of it when a quorum is free again, if
	// that can be had. Where a quorum has refused it is free already.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonTimeout)
	defer cancel()
	_ = h.release().wait(ctx)
	return nil, err
}

// ask puts the request to every node.
func (q *Quorum) ask(r request, refused error) ([]request, *ballot) {
	r.ballot = newBallot(len(q.nodes), refused)
	requests := make([]request, len(q.nodes))
	for i, n := range q.nodes {
		requests[i] = r
		n.ask(&requests[i])
	}
	return requests, r.ballot
}

// renew asks all nodes to renew each lease, and returns their outcomes in order: nil if a quorum
// did, billing.ErrLeaseLost if the key is gone or another's on so many nodes that no quorum can,
// else unknown.
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

// Flush waits until no node has anything in its queue: no releases above all, of which Release has
// waited only for a quorum. It is for the end, when all leases have been released.
func (q *Quorum) Flush(ctx context.Context) error {
	for _, n := range q.nodes {
		if err := n.flush(ctx); err != nil {
			return fmt.Errorf("wait for Redis nodes: %w", err)
		}
	}
	return nil
}

// quorumLease is a billing.Lease. Its trust is kept, and it is renewed, as that of the lease in it.
type quorumLease struct {
	lease

	quorum  *Quorum
	obtains []request // in the order of the nodes
}

// Trusted is as that of a Locker's lease.
func (h *quorumLease) Trusted() error { return h.quorum.renewals.trusted(&h.lease) }

// Release ends the lease: it isn't trusted nor renewed any longer, and its key is deleted on every
// node where it is still its own. It returns when a quorum of nodes has done so. If a quorum no
// longer had the lease, billing.ErrLeaseLost.
func (h *quorumLease) Release(ctx context.Context) error {
	h.quorum.renewals.drop(&h.lease)
	if err := h.release().wait(ctx); err != nil {
		return fmt.Errorf("release lease %s: %w", h.name, err)
	}
	return nil
}

// release puts the release to every node, behind its obtain.
func (h *quorumLease) release() *ballot {
	answers := newBallot(len(h.obtains), billing.ErrLeaseLost)
	for i, n := range h.quorum.nodes {
		n.ask(&request{
			lease: &h.lease, script: releaseLua, ballot: answers, undoes: &h.obtains[i],
		})
	}
	return answers
}
