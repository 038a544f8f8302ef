package redislock_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/triplecharge/billing"
)

// gate blocks the requests to a node until it is opened.
func (b *quorumBench) gate(node int) (open func()) {
	opened := make(chan struct{})
	b.change(func(n *network) {
		tick := n.tick
		n.tick = func() {
			<-opened
			tick()
		}
	}, node)
	return sync.OnceFunc(func() { close(opened) })
}

// commands returns how many commands were sent to the node since the last look, and the length of
// the longest pipeline.
func (b *quorumBench) commands(node int) (all, most int) {
	for _, pipeline := range b.networks[node].sentSoFar() {
		n := strings.Count(pipeline, "+") + 1
		all, most = all+n, max(most, n)
	}
	return all, most
}

// On a slow node whose answer was not needed, the release waits for the obtain. Otherwise it could
// come first, and the key would stay.
func TestQuorumReleaseComesAfterItsObtain(t *testing.T) {
	t.Parallel()
	onQuorumBench(t, func(t *testing.T, b *quorumBench) {
		tick, first := b.networks[3].tick, sync.OnceFunc(func() { <-time.After(time.Second) })
		b.change(func(n *network) {
			n.tick = func() {
				first()
				tick()
			}
		}, 3)
		start := time.Now()
		lease := b.obtain(t, key)
		synctest.Wait() // until the slow node, too, has been asked
		if err := lease.Release(context.Background()); err != nil {
			t.Error(err)
		}
		expectTime(t, "the lease", start, 0)
		b.expectOn(t, 0, "in the end")
		b.networks[3].expectSent(t, "eval", "eval")
	})
}

// A stuck node is never sent the requests of leases that are already released, so its queue doesn't
// grow. When it recovers, it gets all leases still held at once.
func TestQuorumNodeIsStuck(t *testing.T) {
	t.Parallel()
	onQuorumBench(t, func(t *testing.T, b *quorumBench) {
		const over, held = 30, 20
		open := b.gate(2)
		defer open()
		start := time.Now()
		for i := range over {
			if err := b.obtain(t, fmt.Sprint("over", i)).Release(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		for i := range held {
			b.obtain(t, fmt.Sprint("held", i))
		}
		b.obtain(t, key)
		expectTime(t, "everything", start, 0)
		open()
		b.expectOn(t, 5, "while it is held")

		const stuck = 4 // obtains in flight, of leases that are released
		all, most := b.commands(2)
		if all != 2*stuck+held+1 {
			t.Errorf("%d commands, want the %d stuck, their releases, and %d", all, stuck, held+1)
		}
		if most < held {
			t.Errorf("pipelines of %d commands or less, want one of all that had queued up", most)
		}
		if n := b.stores[2].DBSize(context.Background()).Val(); n != held+1 {
			t.Errorf("%d keys on the node, want %d", n, held+1)
		}
	})
}

// Requests about one key keep their order, so that a lease doesn't find its predecessor's key.
func TestQuorumKeepsTheOrderOfAKey(t *testing.T) {
	t.Parallel()
	onQuorumBench(t, func(t *testing.T, b *quorumBench) {
		open := b.gate(2)
		defer open()
		for range 3 {
			lease := b.obtain(t, key)
			synctest.Wait() // until the gated node, too, has been asked
			if err := lease.Release(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		b.obtain(t, key)
		open()
		b.expectOn(t, 5, "when it is held")
		b.networks[2].expectSent(t, "eval", "eval+eval")
	})
}

// trouble is a hook that makes a node fail after a while.
type trouble struct {
	carriesOut bool // the node executes commands before it fails
	after      time.Duration

	mu  sync.Mutex
	err error // nil: it doesn't fail
}

// deaths are the ways in which dead nodes fail: they refuse connections, or exceed the client's
// time-out.
func deaths() map[string]*trouble {
	return map[string]*trouble{
		"they refuse": {err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}},
		"they are silent": {
			after: time.Second, err: &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded},
		},
	}
}

func (tr *trouble) ends() {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.err = nil
}

func (tr *trouble) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (tr *trouble) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (tr *trouble) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		tr.mu.Lock()
		err := tr.err
		tr.mu.Unlock()
		if err == nil {
			return next(ctx, cmds)
		}
		if tr.carriesOut {
			_ = next(ctx, cmds)
		}
		<-time.After(tr.after)
		for _, cmd := range cmds {
			cmd.SetErr(err)
		}
		return err
	}
}

// rest is how long an unreachable node is not asked.
const rest = 250 * time.Millisecond

func TestQuorumTwoNodesAreDead(t *testing.T) {
	t.Parallel()
	for name, death := range deaths() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onQuorumBench(t, func(t *testing.T, b *quorumBench) {
				b.clients[0].AddHook(death)
				b.clients[4].AddHook(death)
				start := time.Now()
				for range 20 {
					if err := b.obtain(t, key).Release(context.Background()); err != nil {
						t.Fatal(err)
					}
				}
				expectTime(t, "everything", start, 0)
				if all, _ := b.commands(0); all > 1 {
					t.Errorf("%d commands to a dead node, want one, which finds it dead", all)
				}
				lease := b.obtain(t, key)
				pass(2 * ttl)
				if err := lease.Valid(); err != nil {
					t.Errorf("after two TTLs: %v", err)
				}
				b.expectOn(t, 3, "while two are dead")

				death.ends()
				pass(rest)
				if err := lease.Release(context.Background()); err != nil {
					t.Error(err)
				}
				b.obtain(t, key)
				b.expectOn(t, 5, "when they are back")
			})
		})
	}
}

func TestQuorumMajorityIsDead(t *testing.T) {
	t.Parallel()
	for name, death := range deaths() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onQuorumBench(t, func(t *testing.T, b *quorumBench) {
				held := b.obtain(t, "another")
				flush(t, b.lock)
				for _, client := range b.clients[:3] {
					client.AddHook(death)
				}
				start := time.Now()
				for range 20 {
					_, err := b.lock.Obtain(context.Background(), key)
					if !errors.Is(err, death.err) || !errors.Is(err, billing.ErrUnavailable) {
						t.Fatalf("error %v, want the nodes' own error", err)
					}
				}
				if err := held.Release(context.Background()); !errors.Is(err, death.err) {
					t.Errorf("release: %v, want the nodes' own error", err)
				}
				expectTime(t, "everything", start, death.after) // once, not each
				b.expectOn(t, 0, "after it failed")

				death.ends()
				pass(rest)
				b.obtain(t, key)
				b.expectOn(t, 5, "when they are back")
			})
		})
	}
}

// A node at rest because of a lost answer is sent releases all the same, but nobody waits for it.
func TestQuorumReleaseAtANodeAtRest(t *testing.T) {
	t.Parallel()
	onQuorumBench(t, func(t *testing.T, b *quorumBench) {
		lost := deaths()["they are silent"]
		lost.carriesOut = true
		for _, client := range b.clients[:2] {
			client.AddHook(lost)
		}
		lease := b.obtain(t, key)
		pass(lost.after)
		b.expectOn(t, 5, "when it is obtained, though two nodes don't answer")

		b.change(func(n *network) { n.delay = 2 * lost.after }, 2, 3, 4)
		start := time.Now()
		if err := lease.Release(context.Background()); err != nil {
			t.Error(err)
		}
		expectTime(t, "the release", start, 2*lost.after)
		b.expectOn(t, 0, "in the end")
	})
}
