// Package redislock implements billing.Locker on Redis three times: Naive is the lock that most
// tutorials show, Locker does it carefully on one Redis server, and Quorum on several (Redlock).
//
// A Locker's lease is a key with a TTL, whose value is a random token:
//
//	obtain   SET key token NX PX ttl    one command on the wire; obtain.lua on a new connection
//	         fenced.lua, if a fencing token is asked for: it counts in the same step
//	renew    renew.lua                  compare and PEXPIRE; all renewals due share one pipeline
//	release  release.lua                compare and DEL, one command on the wire
//
// Leases obtained or released at the same time share pipelines; a single one is sent at once.
//
// # What a lease is worth
//
// A lease is valid until (time before sending the obtain or the last successful renewal) + TTL −
// margin. Redis starts the TTL when the command arrives, which is later, so the key outlives the
// lease's validity.
//
// This assumes that the server's monotonic clock runs at most 1 % slower than Redis' clock. A
// suspended virtual machine breaks the assumption: on Linux, Go's monotonic clock stops with the
// machine, so for up to a TTL after it wakes the lease still looks valid. A lease doesn't survive
// Redis losing the key either, by a restart or by a failover to a replica that never had it. To
// prevent a second charge even then takes something that remembers, not a lock.
package redislock

import (
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/batch"
)

//go:embed obtain.lua
var obtainLua string

//go:embed fenced.lua
var fencedLua string

//go:embed release.lua
var releaseLua string

//go:embed renew.lua
var renewLua string

// Options configures a Locker or a Quorum. Server, TTL and Now are required.
type Options struct {
	Server string           // every lease token begins with it
	TTL    time.Duration    // whole milliseconds, at least 50; preferably a few seconds
	Prefix string           // precedes every key; may be empty
	Now    func() time.Time // the clock, with a monotonic reading as in time.Now

	// Observe, if not nil, receives the events of held leases, one call at a time. No lease is
	// renewed until it returns.
	Observe func(Event)

	// Patience is how long a call is made again while Redis is away, or refuses all commands, as
	// during a failover; 0 means DefaultPatience, and less that it is made once. A renewal or
	// release stops when the lease's validity ends.
	Patience time.Duration
}

// minTTL leaves time for a renewal after a third of it, and for a second attempt, on a busy
// machine.
const minTTL = 50 * time.Millisecond

// Locker hands out leases and renews them until they are released. Safe for concurrent use. It
// needs no Close: it runs a goroutine only during renewals.
type Locker struct {
	client     Client
	link       *link
	o          Options
	ttlMillis  any // int64, boxed once for all commands
	releaseSHA any // string
	// commands sends one, with others in a pipeline if they come at the same time.
	commands func(context.Context, redis.Cmder) (struct{}, error)
	renewals *renewals
}

// New returns a Locker on the client's Redis. Invalid or missing options are an error.
//
// As a client from Open does, the client should respect context deadlines
// (redis.Options.ContextTimeoutEnabled) and have time-outs well below the TTL.
func New(client Client, o Options) (*Locker, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	l := &Locker{
		client:     client,
		link:       newLink(client),
		o:          o,
		ttlMillis:  o.TTL.Milliseconds(),
		releaseSHA: redis.NewScript(releaseLua).Hash(),
	}
	l.commands = (&batch.Batcher[redis.Cmder, struct{}]{
		Run: l.process, MaxInFlight: pipelines, Linger: linger,
	}).Do
	l.renewals = newRenewals(o, l.renew)
	return l, nil
}

const (
	// pipelines in flight: with fewer, one late answer would hold up all leases; with more, fewer
	// commands would share a pipeline.
	pipelines = 4
	// linger is a few round trips.
	linger = 2 * time.Millisecond
)

func (l *Locker) process(ctx context.Context, calls []*batch.Call[redis.Cmder, struct{}]) {
	if len(calls) == 1 {
		calls[0].Err = l.link.do(func() error { return l.client.Process(ctx, calls[0].Given) })
		return
	}
	cmds := make([]redis.Cmder, len(calls))
	for i, c := range calls {
		cmds[i] = c.Given
	}
	l.link.pipeline(ctx, l.client, cmds)
	for _, c := range calls {
		c.Err = c.Given.Err()
	}
}

// send sends a command, perhaps in a pipeline with others. If it returns ctx's error, the command
// may still be in flight, and reading it would be a race.
func (l *Locker) send(ctx context.Context, cmd redis.Cmder) error {
	_, err := l.commands(ctx, cmd)
	return err
}

// check checks the options and sets defaults.
func (o *Options) check() error {
	if o.Server == "" || o.Now == nil {
		return errors.New("redislock: Server and Now must be set")
	}
	o.Patience = cmp.Or(o.Patience, DefaultPatience)
	return checkTTL(o.TTL)
}

func checkTTL(ttl time.Duration) error {
	switch {
	case ttl < minTTL:
		return fmt.Errorf("lease TTL %v: want at least %v", ttl, minTTL)
	case ttl%time.Millisecond != 0:
		return fmt.Errorf("lease TTL %v: want whole milliseconds, the precision of Redis", ttl)
	}
	return nil
}

// abandonTimeout bounds the cleanup after a failed obtain. If it fails, the TTL cleans up later.
const abandonTimeout = time.Second

// Obtain returns the lease for the key. The error is billing.ErrHeld if there is a lease already,
// even one of this server; billing.ErrUnavailable if Redis was away for longer than the patience,
// or this server could not renew or release the lease.
//
// If the answer is lost, the key may be set all the same. Obtain then tries again with the same
// token, and accepts a key that already has it (obtain.lua). If no attempt gets an answer, Obtain
// deletes the key if it has the token. A lost command that reaches Redis only after this, or after
// the release, blocks the key for one TTL.
func (l *Locker) Obtain(ctx context.Context, key string) (billing.Lease, error) {
	return l.grant(ctx, key, l.obtain)
}

// CounterMark is in the names of the counters that number leases, and of no other key.
const CounterMark = ":token:{"

// counterTTL is longer than any obtain is on its way. After it, the caller's floor takes over.
const counterTTL = time.Hour

// ObtainFenced implements billing.FencedLocker. The counter is a key beside the lease's, in the
// same slot of a Cluster. It is lost when Redis loses its data, and then the floor is all there is:
// it must be the highest token that the resource has seen.
func (l *Locker) ObtainFenced(
	ctx context.Context, key string, floor billing.Token,
) (granted billing.Lease, token billing.Token, err error) {
	granted, err = l.grant(ctx, key, func(ctx context.Context, h *lease, _ bool) error {
		name := l.o.Prefix + key
		cmd := redis.NewCmd(ctx, "eval", fencedLua, "2", name, name+CounterMark+name+"}",
			h.token, l.ttlMillis, int64(floor), counterTTL.Milliseconds())
		err := l.send(ctx, cmd)
		if err == nil {
			var number int64
			number, err = cmd.Int64()
			token = billing.Token(number)
		}
		return err
	})
	return granted, token, err
}

// grant makes attempts to obtain the key, and returns its lease.
func (l *Locker) grant(
	ctx context.Context, key string,
	attempt func(ctx context.Context, h *lease, ambiguous bool) error,
) (billing.Lease, error) {
	h := newLease(key, l.o)
	h.locker = l
	var sent time.Time
	ambiguous := false
	err := patiently(ctx, l.o.Patience, func() error {
		// Validity counts from this attempt, which gives the key its full TTL, even if an earlier
		// one set it.
		sent = l.o.Now()
		err := attempt(ctx, h, ambiguous)
		ambiguous = ambiguous || unanswered(err)
		return err
	})
	if errors.Is(err, redis.Nil) {
		return nil, billing.ErrHeld
	}
	if err != nil {
		if ambiguous {
			l.abandon(ctx, h)
		}
		return nil, fmt.Errorf("obtain lease %s: %w", key, unavailable(ctx, err))
	}
	l.renewals.add(h, sent)
	return h, nil
}

// obtain makes one attempt. If an earlier one may have set the key, only the script finds out. It
// also proves, for all connections made before, that this user may renew and release.
func (l *Locker) obtain(ctx context.Context, h *lease, ambiguous bool) error {
	made := l.link.made.Load()
	if !ambiguous && l.link.proven.Load() == made {
		set := redis.NewStatusCmd(ctx, "set", h.key, h.token, "nx", "px", l.ttlMillis)
		if err := l.send(ctx, sendOnce{set}); err != nil || l.link.made.Load() == made {
			return err
		}
	}
	err := l.send(ctx, redis.NewCmd(ctx, "eval", obtainLua, "1", h.key, h.token, l.ttlMillis))
	if now := l.link.made.Load(); err == nil && now <= made+2 { // it may have made a connection
		l.link.proven.Store(now)
	}
	return err
}

// sendOnce is a SET NX that go-redis never retries, whatever the client's options, not even within
// a Cluster client's redirects: the second SET would find the first one's key and answer nil.
type sendOnce struct{ *redis.StatusCmd }

func (sendOnce) NoRetry() bool { return true }

// abandon tries to delete the key that an unanswered obtain may have set. EVALSHA won't do: the
// lost answer may be that Redis doesn't know the script.
func (l *Locker) abandon(ctx context.Context, h *lease) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonTimeout)
	defer cancel()
	_ = l.link.do(func() error {
		return l.client.Do(ctx, "eval", releaseLua, "1", h.key, h.token).Err()
	})
}

// delete deletes the lease's key. If the key no longer has the lease's token, the error is
// billing.ErrLeaseLost.
func (l *Locker) delete(ctx context.Context, h *lease) error {
	del := redis.NewIntCmd(ctx, "evalsha", l.releaseSHA, "1", h.key, h.token)
	err := l.send(ctx, del)
	if says(err, "NOSCRIPT", "NOPERM") {
		// The first release since Redis started: EVAL also loads the script. Or this user may call
		// EVAL, as Obtain has found, but not EVALSHA.
		del = redis.NewIntCmd(ctx, "eval", releaseLua, "1", h.key, h.token)
		err = l.send(ctx, del)
	}
	if err == nil && del.Val() == 0 {
		err = billing.ErrLeaseLost
	}
	return err
}

// renew renews all leases in one pipeline and returns the outcome of each: nil if renewed,
// billing.ErrLeaseLost if the key is gone or another's, any other error if unknown.
func (l *Locker) renew(ctx context.Context, leases []*lease) []error {
	cmds := make([]redis.Cmder, len(leases))
	for i, h := range leases {
		// EVAL, not EVALSHA: renewals are rare, and Redis can't lack the script.
		cmds[i] = redis.NewCmd(ctx, "eval", renewLua, "1", h.key, h.token, l.ttlMillis)
	}
	l.link.pipeline(ctx, l.client, cmds)

	outcomes := make([]error, len(leases))
	for i, cmd := range cmds {
		err := cmd.Err()
		if err == nil && cmd.(*redis.Cmd).Val() != int64(1) {
			err = billing.ErrLeaseLost
		}
		outcomes[i] = err
	}
	return outcomes
}

// lease is a billing.Lease.
type lease struct {
	locker *Locker
	name   string // the key without the prefix
	key    any    // string, with the prefix
	token  any    // string

	renewals   *renewals // its mutex guards the rest
	since      time.Time // before the obtain was sent
	validUntil time.Time
	renewAt    time.Time
	failure    error // of the last renewal; nil if it succeeded
}

// newLease returns a lease with a new random token, not yet obtained.
func newLease(key string, o Options) *lease {
	return &lease{name: key, key: o.Prefix + key, token: o.Server + ":" + rand.Text()}
}

// Valid returns nil until the lease's validity ends by the clock or a renewal finds the key gone,
// and billing.ErrLeaseLost ever after. It doesn't ask Redis.
func (h *lease) Valid() error { return h.renewals.valid(h) }

// Release ends the lease's validity and renewals, and deletes its key. If the key no longer has the
// lease's token, the error is billing.ErrLeaseLost. If Redis can't be reached for as long as the
// lease was valid, the key expires.
func (h *lease) Release(ctx context.Context) error {
	left := h.renewals.drop(h)
	lost := false // the answer to an attempt, which may have deleted the key
	err := patiently(ctx, min(left, h.locker.o.Patience), func() error {
		err := h.locker.delete(ctx, h)
		if lost && errors.Is(err, billing.ErrLeaseLost) {
			return nil
		}
		lost = lost || unanswered(err)
		return err
	})
	if err != nil {
		return fmt.Errorf("release lease %s: %w", h.name, explained(err))
	}
	return nil
}
