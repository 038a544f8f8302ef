package redislock_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
)

// quorumBench is one server in a bubble with five nodes, and its events.
type quorumBench struct {
	*nodes
	*quorumServer
	events []redislock.Event
}

func onQuorumBench(t *testing.T, test func(*testing.T, *quorumBench)) {
	t.Helper()
	inQuorumBubble(t, func(t *testing.T, n *nodes) {
		b := &quorumBench{nodes: n}
		var err error
		b.quorumServer, err = n.server(t, redislock.Options{
			Server: "server-a", TTL: ttl, Now: time.Now, Patience: -1,
			Observe: func(e redislock.Event) { b.events = append(b.events, e) },
		})
		if err != nil {
			t.Fatal(err)
		}
		test(t, b)
	})
}

func (b *quorumBench) obtain(t *testing.T, key string) billing.Lease {
	t.Helper()
	lease, err := b.lock.Obtain(context.Background(), key)
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

// change changes the network to these nodes.
func (b *quorumBench) change(change func(*network), nodes ...int) {
	for _, i := range nodes {
		b.networks[i].set(change)
	}
}

// hold sets the key on these nodes, with another server's token.
func (b *quorumBench) hold(t *testing.T, token string, ttl time.Duration, nodes ...int) {
	t.Helper()
	for _, i := range nodes {
		if err := b.stores[i].Set(context.Background(), key, token, ttl).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// expectTime expects that something took exactly that long.
func expectTime(t *testing.T, what string, start time.Time, want time.Duration) {
	t.Helper()
	if took := time.Since(start); took != want {
		t.Errorf("%s took %v, want %v", what, took, want)
	}
}

func (b *quorumBench) expectOn(t *testing.T, want int, when string) {
	t.Helper()
	flush(t, b.lock)
	if got := b.with(key); got != want {
		t.Errorf("%s the key is on %d nodes, want %d", when, got, want)
	}
}

func TestQuorumHasTheSameTokenOnAllNodes(t *testing.T) {
	t.Parallel()
	onQuorumBench(t, func(t *testing.T, b *quorumBench) {
		var tokens []string
		for range 2 {
			lease := b.obtain(t, key)
			b.expectOn(t, 5, "when it is obtained")
			for _, store := range b.stores {
				tokens = append(tokens, store.Get(context.Background(), key).Val())
				if left := store.PTTL(context.Background(), key).Val(); left != ttl {
					t.Errorf("TTL in Redis is %v, want %v", left, ttl)
				}
			}
			if err := lease.Release(context.Background()); err != nil {
				t.Error(err)
			}
			b.expectOn(t, 0, "when it is released")
		}
		slices.Sort(tokens)
		if tokens = slices.Compact(tokens); len(tokens) != 2 {
			t.Errorf("tokens %q, want one for each lease", tokens)
		}
		if !strings.HasPrefix(tokens[0], "server-a:") {
			t.Errorf("token %q doesn't name the server", tokens[0])
		}
	})
}

// Two slow nodes hold up nobody.
func TestQuorumAnswersAsSoonAsItKnows(t *testing.T) {
	t.Parallel()
	onQuorumBench(t, func(t *testing.T, b *quorumBench) {
		start := time.Now()
		b.change(func(n *network) { n.delay = time.Second }, 1, 3)
		lease := b.obtain(t, key)
		expectTime(t, "the obtain", start, 0)
		if _, err := b.lock.Obtain(context.Background(), key); !errors.Is(err, billing.ErrHeld) {
			t.Errorf("the second obtain: %v, want ErrHeld", err)
		}
		expectTime(t, "the second obtain", start, 0)
		if err := lease.Release(context.Background()); err != nil {
			t.Error(err)
		}
		expectTime(t, "the release", start, 0)

		b.change(func(n *network) { n.delay = time.Second }, 0)
		b.obtain(t, key)
		expectTime(t, "an obtain that needs one of them", start, time.Second)
	})
}

func TestQuorumRefusedLeavesNothing(t *testing.T) {
	t.Parallel()
	onQuorumBench(t, func(t *testing.T, b *quorumBench) {
		b.hold(t, "server-b:1", ttl, 0, 2, 4)
		start := time.Now()
		if _, err := b.lock.Obtain(context.Background(), key); !errors.Is(err, billing.ErrHeld) {
			t.Errorf("error %v, want ErrHeld", err)
		}
		expectTime(t, "the obtain", start, 0)
		b.expectOn(t, 3, "after it was refused")
		b.networks[0].expectSent(t, "eval") // a node that refused has nothing to release
		expectPair(t, b.networks[1].sentSoFar())
	})
}

// Validity counts from before asking the first node. If it ends before a quorum has answered, there
// is no lease.
func TestQuorumLate(t *testing.T) {
	t.Parallel()
	for delay, obtained := range map[time.Duration]bool{validity - 1: true, validity: false} {
		t.Run(delay.String(), func(t *testing.T) {
			t.Parallel()
			onQuorumBench(t, func(t *testing.T, b *quorumBench) {
				b.change(func(n *network) { n.delay = delay }, 0, 1, 2)
				time.AfterFunc(delay/2,
					func() { b.change(func(n *network) { n.cut = true }, 0, 1, 2) })
				lease, err := b.lock.Obtain(context.Background(), key)
				if (err == nil) != obtained || errors.Is(err, billing.ErrHeld) {
					t.Fatalf("error %v", err)
				}
				if err == nil {
					pass(1)
					if err := lease.Valid(); !errors.Is(err, billing.ErrLeaseLost) {
						t.Errorf("at the end of its validity: %v, want ErrLeaseLost", err)
					}
				} else if len(b.events) > 0 {
					t.Errorf("events %+v of a lease that nobody had", b.events)
				}
			})
		})
	}
}

// A caller that gives up on an obtain leaves no key, and waits little longer.
func TestQuorumObtainIsCalledOff(t *testing.T) {
	t.Parallel()
	onQuorumBench(t, func(t *testing.T, b *quorumBench) {
		start := time.Now()
		b.change(func(n *network) { n.delay = time.Minute }, 0, 1, 2)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err := b.lock.Obtain(ctx, key)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want the context's", err)
		}
		expectTime(t, "the obtain and its release", start, 2*time.Second)
		b.expectOn(t, 0, "in the end")
	})
}

func TestQuorumReleaseOfALostLease(t *testing.T) {
	t.Parallel()
	onQuorumBench(t, func(t *testing.T, b *quorumBench) {
		lease := b.obtain(t, key)
		flush(t, b.lock)
		for _, store := range b.stores[:3] {
			store.Del(context.Background(), key)
		}
		if err := lease.Release(context.Background()); !errors.Is(err, billing.ErrLeaseLost) {
			t.Errorf("error %v, want ErrLeaseLost", err)
		}
		b.expectOn(t, 0, "when it is released")
	})
}

func TestQuorumReleaseIsCalledOff(t *testing.T) {
	t.Parallel()
	onQuorumBench(t, func(t *testing.T, b *quorumBench) {
		lease := b.obtain(t, key)
		flush(t, b.lock)
		b.change(func(n *network) { n.delay = time.Minute }, 0, 1, 2)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := lease.Release(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want the context's", err)
		}
		if err := b.lock.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("flush: %v, want the context's error", err)
		}
		b.expectOn(t, 0, "in the end")
	})
}

func TestNewQuorumRefuses(t *testing.T) {
	t.Parallel()
	good := redislock.Options{Server: "server-a", TTL: ttl, Now: time.Now}
	for count := range 8 {
		_, err := redislock.NewQuorum(make([]redislock.Client, count), good)
		if want := count == 3 || count == 5 || count == 7; (err == nil) != want {
			t.Errorf("%d nodes: %v", count, err)
		}
	}
	bad := good
	bad.TTL = time.Millisecond
	if _, err := redislock.NewQuorum(make([]redislock.Client, 5), bad); err == nil {
		t.Errorf("a TTL of %v was accepted", bad.TTL)
	}
}
