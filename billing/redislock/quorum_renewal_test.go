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
		valid        time.Duration // 0: as long as it is held
		on           int           // number of nodes with the key, at half its TTL
	}{
		"all nodes":                {on: 5},
		"two cut off":              {cut: []int{0, 3}, on: 5},
		"two restarted empty":      {emptied: []int{1, 2}, on: 3},
		"one of each":              {cut: []int{0}, emptied: []int{4}, on: 4},
		"three cut off":            {cut: []int{0, 1, 2}, on: 5, valid: validity},
		"three restarted empty":    {emptied: []int{0, 1, 2}, on: 2, valid: ttl / 3},
		"two cut off, one emptied": {cut: []int{3, 4}, emptied: []int{0}, on: 4, valid: validity},
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
				if test.valid == 0 {
					pass(5 * ttl)
					if err := lease.Valid(); err != nil {
						t.Error(err)
					}
					if len(b.events) == 0 || b.events[0].Kind != redislock.Renewed {
						t.Errorf("events %+v, want renewals", b.events)
					}
					return
				}
				pass(ttl)
				if err := lease.Valid(); !errors.Is(err, billing.ErrLeaseLost) {
					t.Errorf("in the end: %v, want ErrLeaseLost", err)
				}
				if len(b.events) != 1 || b.events[0].Kind != redislock.Lost ||
					b.events[0].Held < test.valid || b.events[0].Held > test.valid+time.Second {
					t.Errorf("events %+v, want a loss after %v", b.events, test.valid)
				}
			})
		})
	}
}

// Redlock's limit: if a majority of the nodes restarts empty while the lease is held, another
// server obtains it, and both leases look valid until the first one's next renewal.
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
			if err := errors.Join(first.Valid(), second.Valid()); err != nil {
				t.Errorf("before the renewal: %v, want both valid", err)
			}
			pass(ttl/6 - 1)
		}
		pass(2)
		if err := first.Valid(); !errors.Is(err, billing.ErrLeaseLost) {
			t.Errorf("the first, at its renewal: %v, want ErrLeaseLost", err)
		}
		pass(ttl)
		if err := second.Valid(); err != nil {
			t.Errorf("the second: %v", err)
		}
		if err := first.Release(context.Background()); !errors.Is(err, billing.ErrLeaseLost) {
			t.Errorf("release of the first: %v, want ErrLeaseLost", err)
		}
		b.expectOn(t, 3, "when the first is released")
	})
}

// A lease whose renewal stays undecided, since one node is silent, doesn't delay the others'
// renewals.
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
		if undecided.Valid() != nil {
			t.Errorf("the lease is lost while two nodes have it and a third may")
		}
		pass(ttl / 2)
		if undecided.Valid() == nil {
			t.Errorf("a lease on two nodes of five is still valid")
		}
		if slices.ContainsFunc(leases, func(l billing.Lease) bool { return l.Valid() != nil }) {
			t.Errorf("leases that a quorum renewed are lost")
		}
		b.change(func(n *network) { n.delay = 0 }, 2)
	})
}
