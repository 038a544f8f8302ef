//go:build !searches

package explore

import (
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
)

// The locks of package redislock over a Redis in memory and the explorer's locks give the same
// answers, whatever two servers and the Redis do, in any order. The quorum lock is not compared,
// since its calls reach the nodes in any order; it must pass the same suite, and the cells that
// need five nodes.
func TestLocksBehaveAsThoseOverRedis(t *testing.T) {
	t.Parallel()
	for _, kind := range []billing.Lock{billing.NaiveLock, billing.SafeLock} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			node := miniredis.RunT(t)
			client := redis.NewClient(&redis.Options{Addr: node.Addr()})
			t.Cleanup(func() { _ = client.Close() })
			rapid.Check(t, func(t *rapid.T) {
				node.FlushAll()
				locksInStep(t, kind, node, client)
			})
		})
	}
}

func locksInStep(t *rapid.T, kind billing.Lock, node *miniredis.Miniredis, client *redis.Client) {
	const ttl = time.Hour // no lease is renewed during the test
	now := time.Now()
	clock := func() time.Time { return now }
	w, lock := world{many: 2}, locks()[kind]
	var lockers [2]billing.Locker
	var leases [2]billing.Lease
	for i, server := range []string{"a", "b"} {
		var err error
		if kind == billing.NaiveLock {
			lockers[i], err = redislock.NewNaive(client,
				redislock.NaiveOptions{Server: server, TTL: ttl})
		} else {
			lockers[i], err = redislock.New(client,
				redislock.Options{Server: server, TTL: ttl, Now: clock})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for range rapid.IntRange(1, 30).Draw(t, "calls") {
		i := rapid.IntRange(0, 1).Draw(t, "server")
		s := &w.servers[i]
		switch what := rapid.IntRange(0, 9).Draw(t, "what happens"); {
		case what == 0:
			node.FlushAll()
			w.happen(move{kind: redisEmpty})
		case what == 1:
			now = now.Add(ttl)
			node.FastForward(ttl)
			for j := range w.many {
				w.servers[j].nodes, w.servers[j].valid = 0, false
			}
		case what == 2:
			node.FastForward(ttl) // the servers' clock stays
			w.happen(move{kind: clockJumps})
		case leases[i] == nil:
			got := w.execute(s, call{op: obtain, nodes: lock.nodes}, noFailure)
			lease, err := lockers[i].Obtain(t.Context(), "key")
			if !same(got.outcome, err) {
				t.Fatalf("obtain: got %v, want %v", got.outcome.err(), err)
			}
			if err == nil {
				leases[i] = lease
			}
		case what < 5:
			w.execute(s, call{op: release, nodes: lock.nodes, any: !lock.careful}, noFailure)
			_ = leases[i].Release(t.Context()) // the lease may have been lost before
			leases[i] = nil
		case (s.valid || !lock.careful) != (leases[i].Valid() == nil):
			t.Fatalf("valid: got %t, want %v", s.valid, leases[i].Valid())
		}
		held := 0
		for j := range w.many {
			held += int(w.servers[j].nodes)
		}
		if got := len(node.Keys()); got != held {
			t.Fatalf("%d keys are in Redis, want %d", got, held)
		}
	}
}
