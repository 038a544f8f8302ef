package redislock_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
)

func TestQuorumRenewals(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cut, emptied []int
		trusted      time.Duration // 0: for as long as it is held
		on           int           // nodes that have the key, at half its TTL
	}{
		"all nodes":                   {on: 5},
		"two cut off":                 {cut: []int{0, 3}, on: 5},
		"two restarted empty":         {emptied: []int{1, 2}, on: 3},
		"one of each":                 {cut: []int{0}, emptied: []int{4}, on: 4},
		"three cut off":               {cut: []int{0, 1, 2}, on: 5, trusted: trust},
		"three restarted empty":       {emptied: []int{0, 1, 2}, on: 2, trusted: ttl / 3},
		"two cut off, one that isn't": {cut: []int{3, 4}, emptied: []int{0}, on: 4, trusted: trust},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onQuorumBench(t, func(t *testing.T, b *quorumBench) {
				lease := b.obtain(t, key)
				flush(t, b.lock)
				b.change(func(n *network) { n.cut = true }, test.cut...)
				for _, i := range test.emptied {
					b.stores[i].FlushAll(context.Background())
				}
				pass(ttl / 2)
				b.expectOn(t, test.on, "at half its TTL")
				if test.trusted == 0 {
					pass(5 * ttl)
					if err := lease.Trusted(); err != nil {
						t.Error(err)
					}
					if len(b.events) == 0 || b.events[0].Kind != redislock.Renewed {
						t.Errorf("events %+v, want renewals", b.events)
					}
					return
				}
				pass(ttl)
				if err := lease.Trusted(); !errors.Is(err, billing.ErrLeaseLost) {
					t.Errorf("in the end: %v, want ErrLeaseLost", err)
				}
				if len(b.events) != 1 || b.events[0].Kind != redislock.Lost ||
					b.events[0].Held < test.trusted || b.events[0].Held > test.trusted+time.Second {
					t.Errorf("events %+v, want that it was lost after %v", b.events, test.trusted)
				}
			})
		})
	}
}

// What Redlock doesn't promise. A majority of the nodes restarts empty while the lease is held:
// another server gets it, and both trust theirs until the first one's next renewal.
func TestQuorumMajorityRestartsEmpty(t *testing.T) {
	t.Parallel()
	onQuorumBench(t, func(t *testing.T, b *quorumBench) {
		other, err := b.nodes.server(t, redislock.Options{
			Server: "server-b", TTL: ttl, Now: time.Now,
		})
		if err != nil {
			t.Fatal(err)
		}
		first := b.obtain(t, key)
		flush(t, b.lock)
		for _, store := range b.stores[2:] {
			store.FlushAll(context.Background())
		}
		second, err := other.lock.Obtain(context.Background(), key)
		if err != nil {
			t.Fatalf("another server: %v, want the lease: three nodes are a quorum", err)
		}
		for range 2 {
			if err := errors.Join(first.Trusted(), second.Trusted()); err != nil {
				t.Errorf("before the renewal: %v, want that both are trusted", err)
			}
			pass(ttl/6 - 1)
		}
		pass(2)
		if err := first.Trusted(); !errors.Is(err, billing.ErrLeaseLost) {
			t.Errorf("the first, at its renewal: %v, want ErrLeaseLost", err)
		}
		pass(ttl)
		if err := second.Trusted(); err != nil {
			t.Errorf("the second: %v", err)
		}
		if err := first.Release(context.Background()); !errors.Is(err, billing.ErrLeaseLost) {
			t.Errorf("release of the first: %v, want ErrLeaseLost", err)
		}
		b.expectOn(t, 3, "when the first is released")
	})
}

// A lease that nobody can decide on, since one node is silent, doesn't keep the others from being
// renewed.
func TestQuorumRenewsTheOthers(t *testing.T) {
	t.Parallel()
	onQuorumBench(t, func(t *testing.T, b *quorumBench) {
		var leases []billing.Lease
		for i := range 10 {
			leases = append(leases, b.obtain(t, fmt.Sprint(key, i)))
		}
		undecided := b.obtain(t, key)
		flush(t, b.lock)
		b.stores[0].Del(context.Background(), key)
		b.stores[1].Del(context.Background(), key)
		b.change(func(n *network) { n.delay = 2 * ttl }, 2)
		pass(ttl * 9 / 10)
		if undecided.Trusted() != nil {
			t.Errorf("it is lost while two nodes have it and one may")
		}
		pass(ttl / 2)
		if undecided.Trusted() == nil {
			t.Errorf("a lease on two nodes of five is still trusted")
		}
		if slices.ContainsFunc(leases, func(l billing.Lease) bool { return l.Trusted() != nil }) {
			t.Errorf("leases that a quorum renewed are lost")
		}
		b.change(func(n *network) { n.delay = 0 }, 2)
	})
}
