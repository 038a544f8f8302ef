package redislock_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/locktest"
	"example.com/triplecharge/billing/redislock"
)

// nodes is five Redis servers, and what is between them and the servers that use them.
type nodes struct {
	urls   []string
	ticks  []func()                // before each request to a node; nil: nothing is
	stores []redis.UniversalClient // one's own way to the nodes
}

// miniNodes returns five miniredis, whose clocks follow the test's. start is to be called in the
// bubble.
func miniNodes(t *testing.T) (start func(*testing.T) *nodes) {
	t.Helper()
	var urls []string
	var clocks []func() func()
	for range 5 {
		mini := miniRedis(t)
		urls = append(urls, "redis://"+mini.Addr()+patient)
		clocks = append(clocks, func() func() { return inTime(mini) })
	}
	return func(t *testing.T) *nodes {
		t.Helper()
		var ticks []func()
		for _, clock := range clocks {
			ticks = append(ticks, clock())
		}
		return newNodes(t, urls, ticks)
	}
}

// realNodes returns five real Redis servers, or skips the test.
func realNodes(t testing.TB) *nodes {
	t.Helper()
	var urls []string
	for range 5 {
		urls = append(urls, realRedis(t)+patient)
	}
	return newNodes(t, urls, make([]func(), 5))
}

func newNodes(t testing.TB, urls []string, ticks []func()) *nodes {
	n := &nodes{urls: urls, ticks: ticks}
	for i, url := range urls {
		store := open(t, url)
		store.AddHook(&network{tick: ticks[i]})
		n.stores = append(n.stores, store)
	}
	return n
}

// quorum returns a server's lock, and its network to each node.
func (n *nodes) quorum(
	t testing.TB, o redislock.Options,
) (quorum *redislock.Quorum, networks []*network, err error) {
	t.Helper()
	var clients []redis.UniversalClient
	for i, url := range n.urls {
		client, network := open(t, url), &network{tick: n.ticks[i]}
		client.AddHook(network)
		clients, networks = append(clients, client), append(networks, network)
	}
	if quorum, err = redislock.NewQuorum(clients, o); err == nil {
		t.Cleanup(func() { flush(t, quorum) })
	}
	return quorum, networks, err
}

// flush waits until all is sent.
func flush(t testing.TB, q *redislock.Quorum) {
	t.Helper()
	if err := q.Flush(context.Background()); err != nil {
		t.Error(err)
	}
}

// with returns on how many nodes there is the key.
func (n *nodes) with(key string) (count int) {
	for _, store := range n.stores {
		count += int(store.Exists(context.Background(), key).Val())
	}
	return count
}

func (n *nodes) delete(key string) {
	for _, store := range n.stores {
		store.Del(context.Background(), key)
	}
}

// fixture is Redlock over the nodes. Each request is one to all of them: what becomes of it
// becomes of it everywhere.
func (n *nodes) fixture(t *testing.T, ttl time.Duration) locktest.Fixture {
	prefix := t.Name() + ":"
	var mu sync.Mutex
	var quorums []*redislock.Quorum
	networks := map[string][]*network{}
	settled := func() {
		mu.Lock()
		defer mu.Unlock()
		for _, q := range quorums {
			flush(t, q)
		}
	}
	change := func(server string, change func(*network)) {
		mu.Lock()
		defer mu.Unlock()
		for _, network := range networks[server] {
			network.set(change)
		}
	}
	return locktest.Fixture{
		TTL: ttl,
		New: func(server string, ttl time.Duration, now func() time.Time) (billing.Locker, error) {
			quorum, between, err := n.quorum(t, redislock.Options{
				Server: server, TTL: ttl, Prefix: prefix, Now: now,
			})
			if err != nil {
				return nil, err
			}
			mu.Lock()
			defer mu.Unlock()
			quorums, networks[server] = append(quorums, quorum), between
			return quorum, nil
		},
		Expire: func(key string) {
			settled()
			n.delete(prefix + key)
		},
		Held: func(key string) bool {
			settled()
			return n.with(prefix+key) > 0
		},
		Cut: func(server string) { change(server, func(n *network) { n.cut = true }) },
		LoseAnswers: func(server string, count int) {
			change(server, func(n *network) { n.lose = count })
		},
		DelayAnswers: func(server string, d time.Duration) {
			change(server, func(n *network) { n.delay = d })
		},
	}
}

func TestQuorumKeepsTheLaws(t *testing.T) {
	t.Parallel()
	for _, law := range locktest.Laws() {
		t.Run(law.Name, func(t *testing.T) {
			t.Parallel()
			start := miniNodes(t)
			synctest.Test(t, func(t *testing.T) {
				law.Check(t, start(t).fixture(t, 30*time.Second))
			})
		})
	}
}

func TestQuorumKeepsTheLawsOnRealRedis(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for TTLs to pass")
	}
	n := realNodes(t)
	t.Run("laws", func(t *testing.T) {
		locktest.Run(t, func(t *testing.T) locktest.Fixture {
			return n.fixture(t, 2*time.Second)
		})
	})
}
