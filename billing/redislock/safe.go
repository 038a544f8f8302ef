// Package redislock has the lesson's locks over Redis: Naive is the one most tutorials show,
// Locker the one done with care. Both are a billing.Locker.
//
// A Locker's lease is a key with a random token for its value and a TTL:
//
//	obtain   SET key token NX PX ttl    one command on the wire
//	renew    renew.lua                  compare and PEXPIRE, those that are due in one pipeline
//	release  release.lua                compare and DEL, one command on the wire
//
// Many leases that are obtained and released at the same time share pipelines; one alone is sent
// by itself, at once.
//
// # What a lease is worth
//
// Trust ends at (time before sending the obtain or the last renewal that succeeded) + TTL − margin.
// Redis starts the TTL when the command arrives, which is later; so the key outlives the trust.
//
// That rests on the server's monotonic clock running no more than 1 % slower than Redis' clock. A
// virtual machine that is suspended breaks it: on Linux, Go's monotonic clock stops with the
// machine, and for up to a TTL after it wakes the lease still looks trusted. Neither does it
// survive Redis losing the key, by a restart or a failover to a replica that never had it. What
// must not happen then has to be stopped by something that remembers, not by a lock.
package redislock

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/group"
)

//go:embed obtain.lua
var obtainLua string

//go:embed release.lua
var releaseLua string

//go:embed renew.lua
var renewLua string

// Options says how a Locker works. Server, TTL and Now must be set.
type Options struct {
	Server string           // the server's name; it begins every lease token
	TTL    time.Duration    // whole milliseconds, 50 or more; better a few seconds
	Prefix string           // put before every key
	Now    func() time.Time // the clock; like time.Now, with a monotonic reading

	// Observe is told what becomes of leases while they are held, by one goroutine at a time, which
	// renews nothing until it returns. Nil: nobody is told.
	Observe func(Event)
}

// minTTL leaves a renewal, which comes after a third of it, the time for a round trip and a second
// attempt on a machine that is busy.
const minTTL = 50 * time.Millisecond

// Locker hands out leases that are renewed until they are released. Safe for concurrent use. It
// needs no Close: between renewals it has no goroutine.
type Locker struct {
	client     redis.UniversalClient
	o          Options
	ttlMillis  any // int64; what many commands carry is put into an interface once
	releaseSHA any // string
	commands   group.Group[redis.Cmder, struct{}]
	renewals   *renewals
}

// New returns a Locker over the client. It refuses a TTL that can't be kept.
//
// The client's time-outs should be well below the TTL, and its contexts' deadlines count
// (redis.Options.ContextTimeoutEnabled), as they do in a client from Open.
func New(client redis.UniversalClient, o Options) (*Locker, error) {
	if err := checkTTL(o.TTL); err != nil {
		return nil, err
	}
	if o.Server == "" || o.Now == nil {
		return nil, errors.New("redislock: Server and Now must be set")
	}
	l := &Locker{
		client:     client,
		o:          o,
		ttlMillis:  o.TTL.Milliseconds(),
		releaseSHA: redis.NewScript(releaseLua).Hash(),
	}
	l.commands.Run, l.commands.Width = l.process, pipelines
	l.commands.Patience = patience
	l.renewals = newRenewals(o, l.renew)
	return l, nil
}

// pipelines is how many are under way at a time: with fewer, one answer that is late would hold up
// all leases; with more, fewer commands would share one.
const pipelines = 4

// patience is how long a command waits for company where there was some before: a few round trips.
const patience = 2 * time.Millisecond

// process sends one command by itself, several in one pipeline.
func (l *Locker) process(ctx context.Context, calls []*group.Call[redis.Cmder, struct{}]) {
	if len(calls) == 1 {
		calls[0].Err = l.client.Process(ctx, calls[0].Given)
		return
	}
	pipe := l.client.Pipeline()
	for _, c := range calls {
		_ = pipe.Process(ctx, c.Given) // it only puts it into the pipeline
	}
	_, _ = pipe.Exec(ctx) // its error is the commands' first
	for _, c := range calls {
		c.Err = c.Given.Err()
	}
}

// send sends a command, in company if there is any. If it returns ctx's error the command may still
// be under way, and must not be looked at.
func (l *Locker) send(ctx context.Context, cmd redis.Cmder) error {
	_, err := l.commands.Do(ctx, cmd)
	return err
}

func checkTTL(ttl time.Duration) error {
	switch {
	case ttl < minTTL:
		return fmt.Errorf("lease TTL %v: want %v or more", ttl, minTTL)
	case ttl%time.Millisecond != 0:
		return fmt.Errorf("lease TTL %v: want whole milliseconds, Redis counts no smaller", ttl)
	}
	return nil
}

// obtainAttempts is how often a lease is asked for if no answer comes: once more than a single
// dropped connection takes.
const obtainAttempts = 3

// abandonTimeout bounds the last command of an obtain that came to nothing. Nobody depends on it:
// the TTL does the same, later.
const abandonTimeout = time.Second

// Obtain returns the lease of the key, or billing.ErrHeld if another has it, this server included.
//
// If the answer is lost, the key may be set all the same. Obtain then asks again with the same
// token, in a way that takes what it finds under this token for its own (obtain.lua). If it gets
// no answer in the end, it deletes what may be there and returns an error that is not
// billing.ErrHeld. Should one of its lost commands reach Redis after that, or after the lease was
// released, the key is taken for one TTL by a token that nobody holds.
func (l *Locker) Obtain(ctx context.Context, key string) (billing.Lease, error) {
	h := &lease{
		locker: l,
		name:   key,
		key:    l.o.Prefix + key,
		token:  l.o.Server + ":" + rand.Text(),
	}
	sent := l.o.Now()
	// sendOnce, since even a client that was told to retry must not: the second SET would find
	// the first one's key and answer nil.
	set := redis.NewStatusCmd(ctx, "set", h.key, h.token, "nx", "px", l.ttlMillis)
	err := l.send(ctx, sendOnce{set})
	ambiguous := unanswered(err)
	for n := 1; n < obtainAttempts && unanswered(err) && ctx.Err() == nil; n++ {
		// Trust counts from this attempt, not from the first: whichever of them set the key, this
		// one gives it the whole TTL, at a time that is not before now.
		sent = l.o.Now()
		again := redis.NewCmd(ctx, "eval", obtainLua, "1", h.key, h.token, l.ttlMillis)
		err = l.send(ctx, again)
	}
	if errors.Is(err, redis.Nil) {
		return nil, billing.ErrHeld
	}
	if err != nil {
		if ambiguous {
			l.abandon(ctx, h)
		}
		return nil, fmt.Errorf("obtain lease %s: %w", key, err)
	}
	l.renewals.add(h, sent)
	return h, nil
}

// sendOnce is a command that go-redis never sends again, whatever the client's options: a Cluster
// client does so on its own, within its redirects.
type sendOnce struct{ *redis.StatusCmd }

func (sendOnce) NoRetry() bool { return true }

// unanswered reports whether err leaves open if Redis carried out the command: there is no answer,
// and the failure isn't that no connection could be made.
func unanswered(err error) bool {
	if err == nil {
		return false
	}
	_, answered := errors.AsType[redis.Error](err)
	network, ok := errors.AsType[*net.OpError](err)
	unreached := ok && network.Op == "dial"
	return !answered && !unreached
}

// abandon deletes what an obtain without an answer may have left, if it can. Where answers are
// lost EVALSHA won't do: the lost one may be that Redis doesn't know the script.
func (l *Locker) abandon(ctx context.Context, h *lease) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonTimeout)
	defer cancel()
	_ = l.client.Do(ctx, "eval", releaseLua, "1", h.key, h.token).Err()
}

// delete deletes the lease's key if it still has the lease's token; if not, billing.ErrLeaseLost.
func (l *Locker) delete(ctx context.Context, h *lease) error {
	del := redis.NewIntCmd(ctx, "evalsha", l.releaseSHA, "1", h.key, h.token)
	err := l.send(ctx, del)
	if err != nil && redis.HasErrorPrefix(err, "NOSCRIPT") {
		// The first release since Redis started; it remembers the script from now on.
		del = redis.NewIntCmd(ctx, "eval", releaseLua, "1", h.key, h.token)
		err = l.send(ctx, del)
	}
	if err == nil && del.Val() == 0 {
		err = billing.ErrLeaseLost
	}
	return err
}

// renew sends one renewal for each lease, in one pipeline, and returns their outcomes in order: nil
// if it was renewed, billing.ErrLeaseLost if its key is gone or another's, else unknown.
func (l *Locker) renew(ctx context.Context, leases []*lease) []error {
	pipe := l.client.Pipeline()
	cmds := make([]*redis.Cmd, len(leases))
	for i, h := range leases {
		// EVAL, not EVALSHA: it is rare enough to send the script along, and never unknown.
		cmds[i] = pipe.Do(ctx, "eval", renewLua, "1", h.key, h.token, l.ttlMillis)
	}
	_, _ = pipe.Exec(ctx) // its error is the commands' first

	outcomes := make([]error, len(leases))
	for i, cmd := range cmds {
		renewed, err := cmd.Int()
		if err == nil && renewed == 0 {
			err = billing.ErrLeaseLost
		}
		outcomes[i] = err
	}
	return outcomes
}

// lease is a billing.Lease.
type lease struct {
	locker *Locker
	name   string // the key as Obtain got it
	key    any    // string, with the prefix
	token  any    // string

	// Kept by the locker's renewals, under their mutex.
	since     time.Time // it was asked for
	trustEnds time.Time
	renewAt   time.Time
}

// Trusted returns nil until trust ends, by the clock or because Redis said that the key is gone,
// and billing.ErrLeaseLost from then on: what was lost stays lost. It takes no time.
func (h *lease) Trusted() error { return h.locker.renewals.trusted(h) }

// Release ends the lease: it isn't trusted nor renewed any longer, and its key is deleted if it is
// still its own; if not, billing.ErrLeaseLost. If Redis can't be reached the TTL ends the lease.
func (h *lease) Release(ctx context.Context) error {
	h.locker.renewals.drop(h)
	if err := h.locker.delete(ctx, h); err != nil {
		return fmt.Errorf("release lease %s: %w", h.name, err)
	}
	return nil
}
