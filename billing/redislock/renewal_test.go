package redislock_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
)

const (
	key = "lock:billing:alice:2026-12"
	ttl = 30 * time.Second
	// trust is how long a lease of this TTL is trusted: 1 % and 2 ms less.
	trust = ttl - 300*time.Millisecond - 2*time.Millisecond
)

// bench is one server in a bubble: its lock over miniredis, its network and the events it tells.
type bench struct {
	locker *redislock.Locker
	network
	store  redis.UniversalClient // around the network
	events []redislock.Event     // under the network's mutex
}

// told returns what the locker told since it was last asked.
func (b *bench) told() []redislock.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := b.events
	b.events = nil
	return events
}

// inBubble runs the test with a server, in a bubble: time passes only while all wait.
func inBubble(t *testing.T, test func(*testing.T, *bench)) {
	t.Helper()
	mini := miniRedis(t)
	synctest.Test(t, func(t *testing.T) {
		url := "redis://" + mini.Addr() + patient
		b := &bench{network: network{tick: inTime(mini)}, store: open(t, url)}
		b.store.AddHook(&network{tick: b.tick})
		client := open(t, url)
		client.AddHook(&b.network)
		locker, err := redislock.New(client, redislock.Options{
			Server: "server-a", TTL: ttl, Now: time.Now,
			Observe: func(e redislock.Event) {
				b.mu.Lock()
				defer b.mu.Unlock()
				b.events = append(b.events, e)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		b.locker = locker
		test(t, b)
	})
}

func (b *bench) obtain(t *testing.T, key string) billing.Lease {
	t.Helper()
	lease, err := b.locker.Obtain(context.Background(), key)
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

// pass lets time go by, and what falls due in it be done.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestTrustEndsByTheClock(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		lease := b.obtain(t, key)
		b.set(func(n *network) { n.cut = true })
		pass(trust - 1)
		if err := lease.Trusted(); err != nil {
			t.Errorf("just before the end: %v", err)
		}
		pass(1)
		if err := lease.Trusted(); !errors.Is(err, billing.ErrLeaseLost) {
			t.Errorf("at the end: %v, want ErrLeaseLost", err)
		}

		// The first renewal after a third of the TTL, then one every twelfth, while there is
		// something to be won.
		pass(ttl)
		b.expectSent(t, append([]string{"set"}, slices.Repeat([]string{"eval"}, 8)...)...)
		events := b.told()
		if len(events) != 1 || events[0].Kind != redislock.Lost || events[0].Key != key {
			t.Errorf("events %+v, want that the lease is lost, once", events)
		}
	})
}

func TestRenewalsShareAPipeline(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		const leases = 50
		for i := range leases {
			b.obtain(t, fmt.Sprint("lock:", i))
			<-time.After(ttl / 1000)
		}
		b.sentSoFar()
		pass(ttl/3 - leases*ttl/1000)
		b.expectSent(t, strings.TrimSuffix(strings.Repeat("eval+", leases), "+"))
		events := b.told()
		if len(events) != leases {
			t.Fatalf("%d events, want one for each lease", len(events))
		}
		for _, e := range events {
			if e.Kind != redislock.Renewed || e.Held < ttl/4 || e.Held > ttl/3 {
				t.Errorf("event %+v, want a renewal after a quarter to a third of the TTL", e)
			}
		}
	})
}

func TestEachLeaseIsRenewedInItsTime(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		b.obtain(t, "first")
		pass(ttl / 6)
		b.obtain(t, "second")
		b.sentSoFar()
		pass(ttl / 6)
		b.expectSent(t, "eval")
		pass(ttl / 6)
		b.expectSent(t, "eval")
	})
}

func TestNoRenewalWithoutALease(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		for range 3 {
			if err := b.obtain(t, key).Release(context.Background()); err != nil {
				t.Fatal(err)
			}
			b.sentSoFar()
			pass(ttl)
			b.expectSent(t)
		}
		if events := b.told(); events != nil {
			t.Errorf("events %+v of leases that were released in time", events)
		}
	})
}

func TestLossIsNoticedAtTheNextRenewal(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		lost, other := b.obtain(t, key), b.obtain(t, "another")
		b.store.Del(context.Background(), key)
		pass(ttl / 3)
		if err := lost.Trusted(); !errors.Is(err, billing.ErrLeaseLost) {
			t.Errorf("the lease whose key is gone: %v, want ErrLeaseLost", err)
		}
		if err := other.Trusted(); err != nil {
			t.Errorf("the lease beside it: %v", err)
		}
		if err := lost.Release(context.Background()); !errors.Is(err, billing.ErrLeaseLost) {
			t.Errorf("its release: %v, want ErrLeaseLost", err)
		}
		events := b.told()
		slices.SortFunc(events, func(a, b redislock.Event) int {
			return strings.Compare(a.Key, b.Key)
		})
		want := []redislock.Event{
			{Kind: redislock.Renewed, Key: "another", Held: ttl / 3},
			{Kind: redislock.Lost, Key: key, Held: ttl / 3},
		}
		if !slices.Equal(events, want) {
			t.Errorf("events %+v, want %+v", events, want)
		}
	})
}

// A lease is released while its renewal is on the way: whichever reaches Redis first, the key is
// free afterwards and nobody hears of a renewal or a loss.
func TestReleaseDuringRenewal(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]func(n *network){
		"the request is late": func(n *network) {
			tick, first := n.tick, true
			n.tick = func() {
				if first {
					first = false
					<-time.After(time.Second)
				}
				tick()
			}
		},
		"the answer is late": func(n *network) { n.delay = time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, b *bench) {
				lease := b.obtain(t, key)
				b.set(late)
				pass(ttl/3 + time.Second/2)
				if err := lease.Release(context.Background()); err != nil {
					t.Errorf("release: %v", err)
				}
				pass(ttl)
				// One renewal, and a release whose script Redis doesn't know.
				b.expectSent(t, "set", "eval", "evalsha", "eval")
				if n := b.store.Exists(context.Background(), key).Val(); n != 0 {
					t.Errorf("the key is there after the release")
				}
				if events := b.told(); events != nil {
					t.Errorf("events %+v", events)
				}
			})
		})
	}
}

// Trust counts from before the renewal was sent, not from its answer.
func TestTrustAfterASlowRenewal(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		lease := b.obtain(t, key)
		b.set(func(n *network) { n.delay = 5 * time.Second })
		pass(ttl/3 + time.Second)
		b.set(func(n *network) { n.cut = true })
		pass(trust - time.Second - 1)
		if err := lease.Trusted(); err != nil {
			t.Errorf("just before the end: %v", err)
		}
		pass(1)
		if err := lease.Trusted(); !errors.Is(err, billing.ErrLeaseLost) {
			t.Errorf("at the end: %v, want ErrLeaseLost", err)
		}
	})
}

// Redis says yes to a renewal, but trust has ended meanwhile: the yes comes too late.
func TestAnswerAfterTrustHasEnded(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		lease := b.obtain(t, key)
		b.set(func(n *network) { n.lose = 7 })
		pass(ttl*11/12 - 1)
		b.set(func(n *network) { n.delay = 5 * time.Second })
		pass(ttl / 4)
		b.expectSent(t, append([]string{"set"}, slices.Repeat([]string{"eval"}, 8)...)...)
		if left := b.store.PTTL(context.Background(), key).Val(); left < ttl/2 {
			t.Fatalf("the key has %v left: the last renewal never arrived", left)
		}
		if err := lease.Trusted(); !errors.Is(err, billing.ErrLeaseLost) {
			t.Errorf("the lease: %v, want ErrLeaseLost", err)
		}
		if events := b.told(); len(events) != 1 || events[0].Kind != redislock.Lost {
			t.Errorf("events %+v, want that the lease is lost", events)
		}
	})
}

// A lease that comes overdue while others are being renewed waits for the next round, at its end.
func TestObtainDuringRenewal(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		b.set(func(n *network) { n.delay = ttl/3 + 2*time.Second })
		time.AfterFunc(time.Second, func() {
			b.set(func(n *network) { n.delay = 0 })
			b.obtain(t, "another")
			b.set(func(n *network) { n.delay = 5 * time.Second })
		})
		lease := b.obtain(t, key) // answered a second after the other's renewal is sent
		pass(ttl / 6)
		b.expectSent(t, "set", "set", "eval", "eval")
		b.set(func(n *network) { n.delay = 0 })
		pass(trust)
		if err := lease.Trusted(); err != nil {
			t.Error(err)
		}
	})
}

// An obtain that takes long returns a lease that is overdue. The timer is set for another lease, by
// then; it is set again.
func TestSlowObtainIsRenewedAtOnce(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		b.set(func(n *network) { n.delay = ttl * 3 / 4 })
		time.AfterFunc(ttl*2/3, func() {
			b.set(func(n *network) { n.delay = 0 })
			b.obtain(t, "another")
		})
		lease := b.obtain(t, key)
		pass(1)
		events := b.told()
		if len(events) != 1 || events[0].Kind != redislock.Renewed || events[0].Key != key {
			t.Errorf("events %+v, want that the lease is renewed", events)
		}
		pass(trust - 2)
		if err := lease.Trusted(); err != nil {
			t.Error(err)
		}
	})
}

// A Redis that says nothing is asked once more while there is time.
func TestRenewalDoesNotWaitForever(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		lease := b.obtain(t, key)
		b.set(func(n *network) { n.delay = time.Hour })
		pass(ttl * 2)
		b.expectSent(t, "set", "eval", "eval")
		if err := lease.Trusted(); !errors.Is(err, billing.ErrLeaseLost) {
			t.Errorf("the lease that wasn't renewed: %v, want ErrLeaseLost", err)
		}
	})
}
