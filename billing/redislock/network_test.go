package redislock_test

import (
	"context"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"example.com/triplecharge/billing/redislock"
	"example.com/triplecharge/internal/services/servicetest"
)

// network is a hook in a server's client that can cut the connection to Redis, lose answers or
// delay them, and that records the requests, except those for connecting.
type network struct {
	tick func() // called before each request; may be nil

	mu    sync.Mutex
	sent  []string // the commands' names; those of a pipeline joined, "eval+eval"
	cut   bool
	fail  error // what Redis answers to each request; nil: it executes them
	lose  int
	delay time.Duration
}

// sentSoFar returns the requests since its last call.
func (n *network) sentSoFar() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	sent := n.sent
	n.sent = nil
	return sent
}

// expectSent expects exactly these requests since the last look.
func (n *network) expectSent(t *testing.T, want ...string) {
	t.Helper()
	if got := n.sentSoFar(); !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
}

// expectPair expects an obtain and its release; or neither, if the others decided the outcome
// before the node was asked.
func expectPair(t *testing.T, sent []string) {
	t.Helper()
	if len(sent) != 0 && !slices.Equal(sent, []string{"eval", "eval"}) {
		t.Errorf("sent %q, want an obtain and its release", sent)
	}
}

func (n *network) set(change func(*network)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(n)
}

func (n *network) DialHook(next redis.DialHook) redis.DialHook { return next }

func (n *network) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "hello" {
			return next(ctx, cmd) // connecting
		}
		return n.request(ctx, []redis.Cmder{cmd}, func() error { return next(ctx, cmd) })
	}
}

func (n *network) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if cmds[0].Name() == "select" {
			return next(ctx, cmds) // connecting
		}
		return n.request(ctx, cmds, func() error { return next(ctx, cmds) })
	}
}

func (n *network) request(ctx context.Context, cmds []redis.Cmder, send func() error) error {
	names := ""
	for _, cmd := range cmds {
		names += "+" + cmd.Name()
	}
	n.mu.Lock()
	cut, lost, tick, answer := n.cut, n.lose > 0, n.tick, n.fail
	if lost {
		n.lose--
	}
	n.sent = append(n.sent, names[1:])
	n.mu.Unlock()

	fail := func(err error) error {
		for _, cmd := range cmds {
			cmd.SetErr(err)
		}
		return err
	}
	if cut {
		return fail(io.ErrUnexpectedEOF)
	}
	if answer != nil {
		return fail(answer)
	}
	if tick != nil {
		tick()
	}
	err := send()
	n.mu.Lock()
	delay := n.delay
	n.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			lost = true
		}
	}
	if lost {
		return fail(io.ErrUnexpectedEOF)
	}
	return err
}

// inTime returns a function that advances miniredis' clock, which doesn't run by itself, to the
// test's time. Call it inside the test's bubble.
func inTime(m *miniredis.Miniredis) func() {
	var mu sync.Mutex
	last := time.Now()
	return func() {
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		m.FastForward(now.Sub(last))
		last = now
	}
}

// patient makes the client's time-outs longer than a busy machine needs, for tests of other things.
const patient = "?dial_timeout=20s&read_timeout=20s&write_timeout=20s"

// miniRedis starts a miniredis. Call it outside the bubble: its goroutines wait for the network,
// and in a bubble no time would pass meanwhile.
func miniRedis(t *testing.T) *miniredis.Miniredis {
	t.Helper()
	return miniredis.RunT(t)
}

// realRedis returns the URL of a Redis server for this test alone: a real one if available.
func realRedis(t testing.TB) string {
	t.Helper()
	return servicetest.OwnRedis(t).URL()
}

// open returns a client that is closed when the test ends.
func open(t testing.TB, url string) redislock.Client {
	t.Helper()
	client, err := redislock.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// warmUp makes a locker connect, prove its rights and load the scripts.
func warmUp(t testing.TB, locker *redislock.Locker) {
	t.Helper()
	warmUpKey(t, locker, "warm")
}

func warmUpKey(t testing.TB, locker *redislock.Locker, key string) {
	t.Helper()
	lease, err := locker.Obtain(context.Background(), key)
	if err == nil {
		err = lease.Release(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func newLocker(t testing.TB, client redislock.Client, ttl time.Duration) *redislock.Locker {
	t.Helper()
	return newLockerWith(t, client, redislock.Options{TTL: ttl})
}

// newLockerWith returns server-a's locker with these options.
func newLockerWith(
	t testing.TB, client redislock.Client, o redislock.Options,
) *redislock.Locker {
	t.Helper()
	o.Server, o.Now = "server-a", time.Now
	locker, err := redislock.New(client, o)
	if err != nil {
		t.Fatal(err)
	}
	return locker
}
