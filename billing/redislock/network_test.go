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

// network is a server's way to Redis: a hook in its client that can cut it, lose answers or delay
// them, and that counts what is sent. Connecting doesn't count.
type network struct {
	tick func() // called before each request; nil: nothing is

	mu    sync.Mutex
	sent  []string // the name of each command; a pipeline's as one, "eval+eval"
	cut   bool
	lose  int
	delay time.Duration
}

// sentSoFar returns what was sent since it was last called.
func (n *network) sentSoFar() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	sent := n.sent
	n.sent = nil
	return sent
}

// expectSent expects that these were sent, and nothing else, since the last look.
func (n *network) expectSent(t *testing.T, want ...string) {
	t.Helper()
	if got := n.sentSoFar(); !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
}

// expectPair expects that an obtain and its release were sent; or neither, to a node whose turn
// would have come after the others had made the outcome.
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
	cut, lost, tick := n.cut, n.lose > 0, n.tick
	if lost {
		n.lose--
	}
	n.sent = append(n.sent, names[1:])
	n.mu.Unlock()

	fail := func() error {
		for _, cmd := range cmds {
			cmd.SetErr(io.ErrUnexpectedEOF)
		}
		return io.ErrUnexpectedEOF
	}
	if cut {
		return fail()
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
		return fail()
	}
	return err
}

// inTime returns a function that brings miniredis' clock, which stands still by itself, to the
// time of the test. To be made inside the test's bubble.
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

// patient makes the client's time-outs longer than a busy machine needs, for tests of something
// else.
const patient = "?dial_timeout=20s&read_timeout=20s&write_timeout=20s"

// miniRedis starts a miniredis, outside of the bubble that is to use it: its goroutines wait for
// the network, and in a bubble no time would pass while they do.
func miniRedis(t *testing.T) *miniredis.Miniredis {
	t.Helper()
	return miniredis.RunT(t)
}

// realRedis returns the URL of a Redis server that only this test uses: a real one if there is any.
func realRedis(t testing.TB) string {
	t.Helper()
	return servicetest.OwnRedis(t).URL()
}

// open returns a client that is closed at the test's end.
func open(t testing.TB, url string) redis.UniversalClient {
	t.Helper()
	client, err := redislock.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func newLocker(t testing.TB, client redis.UniversalClient, ttl time.Duration) *redislock.Locker {
	t.Helper()
	locker, err := redislock.New(client, redislock.Options{
		Server: "server-a", TTL: ttl, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return locker
}
