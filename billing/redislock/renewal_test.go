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

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
)

const (
	key = "lock:billing:alice:2026-12"
	ttl = 30 * time.Second
	// validity is the TTL less the margin of 1 % and 2 ms.
	validity = ttl - 300*time.Millisecond - 2*time.Millisecond
)

// bench is one server in a synctest bubble: its lock on miniredis, its network and its events.
type bench struct {
	locker *redislock.Locker
	network
	store  redislock.Client  // bypasses the network
	events []redislock.Event // under the network's mutex
}

// takeEvents returns the events since its last call.
func (b *bench) takeEvents() []redislock.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := b.events
	b.events = nil
	return events
}

// inBubble runs the test with a server in a bubble, where time passes only while all wait.
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
		b.warmUp(t)
		test(t, b)
	})
}

// warmUp makes all connections that the test may need, and proves the rights.
func (b *bench) warmUp(t *testing.T) {
	b.set(func(n *network) { n.delay = time.Second })
	for range 2 {
		leases, errs := b.obtainAll(manyKeys())
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		releaseAll(t, leases)
	}
	b.set(func(n *network) { n.delay = 0 })
	warmUp(t, b.locker)
	b.sentSoFar()
}

func (b *bench) obtain(t *testing.T, key string) billing.Lease {
	t.Helper()
	lease, err := b.locker.Obtain(context.Background(), key)
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

// pass lets time pass, and waits for what falls due.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestValidityEndsByTheClock(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		lease := b.obtain(t, key)
		b.set(func(n *network) { n.cut = true })
		pass(validity - 1)
		if err := lease.Valid(); err != nil {
			t.Errorf("just before the end: %v", err)
		}
		pass(1)
		if err := lease.Valid(); !errors.Is(err, billing.ErrLeaseLost) {
			t.Errorf("at the end: %v, want ErrLeaseLost", err)
		}

		// The first renewal comes after a third of the TTL, then one every twelfth until validity
		// ends.
		pass(ttl)
		b.expectSent(t, append([]string{"set"}, slices.Repeat([]string{"eval"}, 8)...)...)
		events := b.takeEvents()
		if len(events) != 1 || events[0].Kind != redislock.Lost || events[0].Key != key {
			t.Errorf("events %+v, want one loss", events)
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
		events := b.takeEvents()
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
		if events := b.takeEvents(); events != nil {
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
		if err := lost.Valid(); !errors.Is(err, billing.ErrLeaseLost) {
			t.Errorf("the lease whose key is gone: %v, want ErrLeaseLost", err)
		}
		if err := other.Valid(); err != nil {
			t.Errorf("the lease beside it: %v", err)
		}
		if err := lost.Release(context.Background()); !errors.Is(err, billing.ErrLeaseLost) {
			t.Errorf("its release: %v, want ErrLeaseLost", err)
		}
		events := b.takeEvents()
		slices.SortFunc(events, func(a, b redislock.Event) int {
			return strings.Compare(a.Key, b.Key)
		})
		want := []redislock.Event{
			{Kind: redislock.Renewed, Key: "another", Held: ttl / 3},
			{Kind: redislock.Lost, Key: key, Held: ttl / 3, Err: events[1].Err},
		}
		if !slices.Equal(events, want) || events[1].Err == nil {
			t.Errorf("events %+v, want %+v", events, want)
		}
	})
}

// A lease is released while its renewal is in flight. Whichever reaches Redis first, the key is
// free afterwards, and there is no event.
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
				b.expectSent(t, "set", "eval", "evalsha") // one renewal, one release
				if n := b.store.Exists(context.Background(), key).Val(); n != 0 {
					t.Errorf("the key is there after the release")
				}
				if events := b.takeEvents(); events != nil {
					t.Errorf("events %+v", events)
				}
			})
		})
	}
}

// Validity counts from before sending the renewal, not from its answer.
func TestValidityAfterASlowRenewal(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		lease := b.obtain(t, key)
		b.set(func(n *network) { n.delay = 5 * time.Second })
		pass(ttl/3 + time.Second)
		b.set(func(n *network) { n.cut = true })
		pass(validity - time.Second - 1)
		if err := lease.Valid(); err != nil {
			t.Errorf("just before the end: %v", err)
		}
		pass(1)
		if err := lease.Valid(); !errors.Is(err, billing.ErrLeaseLost) {
			t.Errorf("at the end: %v, want ErrLeaseLost", err)
		}
	})
}

// Redis confirms a renewal, but too late: the lease's validity has ended.
func TestAnswerAfterValidityHasEnded(t *testing.T) {
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
		if err := lease.Valid(); !errors.Is(err, billing.ErrLeaseLost) {
			t.Errorf("the lease: %v, want ErrLeaseLost", err)
		}
		if events := b.takeEvents(); len(events) != 1 || events[0].Kind != redislock.Lost {
			t.Errorf("events %+v, want that the lease is lost", events)
		}
	})
}

// A lease obtained overdue during a round of renewals is renewed in the next round, right after it.
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
		pass(validity)
		if err := lease.Valid(); err != nil {
			t.Error(err)
		}
	})
}

// A slow obtain returns a lease whose renewal is overdue. The timer, already set for another lease,
// is reset.
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
		events := b.takeEvents()
		if len(events) != 1 || events[0].Kind != redislock.Renewed || events[0].Key != key {
			t.Errorf("events %+v, want that the lease is renewed", events)
		}
		pass(validity - 2)
		if err := lease.Valid(); err != nil {
			t.Error(err)
		}
	})
}

// If Redis doesn't answer, it is asked once more in time.
func TestRenewalDoesNotWaitForever(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		lease := b.obtain(t, key)
		b.set(func(n *network) { n.delay = time.Hour })
		pass(ttl * 2)
		b.expectSent(t, "set", "eval", "eval")
		if err := lease.Valid(); !errors.Is(err, billing.ErrLeaseLost) {
			t.Errorf("the lease that wasn't renewed: %v, want ErrLeaseLost", err)
		}
	})
}
