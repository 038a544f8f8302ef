package redislock_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/locktest"
	"example.com/triplecharge/billing/redislock"
)

// nodes is five Redis servers.
type nodes struct {
	urls   []string
	ticks  []func()           // called before each request to a node; may be nil
	stores []redislock.Client // the test's own clients
}

func newNodes(t *testing.T, urls []string, ticks []func()) *nodes {
	t.Helper()
	n := &nodes{urls: urls, ticks: ticks}
	for i, url := range urls {
		store := open(t, url)
		store.AddHook(&network{tick: ticks[i]})
		n.stores = append(n.stores, store)
	}
	return n
}

// inQuorumBubble runs the test with five miniredis, whose clocks follow the bubble's.
func inQuorumBubble(t *testing.T, test func(*testing.T, *nodes)) {
	t.Helper()
	var urls []string
	var clocks []func() func()
	for range 5 {
		mini := miniRedis(t)
		urls = append(urls, "redis://"+mini.Addr()+patient)
		clocks = append(clocks, func() func() { return inTime(mini) })
	}
	synctest.Test(t, func(t *testing.T) {
		var ticks []func()
		for _, clock := range clocks {
			ticks = append(ticks, clock())
		}
		test(t, newNodes(t, urls, ticks))
	})
}

// quorumServer is one server with a lock on the nodes, and a client and a network for each.
type quorumServer struct {
	lock     *redislock.Quorum
	clients  []redislock.Client
	networks []*network
}

func (n *nodes) server(t *testing.T, o redislock.Options) (*quorumServer, error) {
	t.Helper()
	s := &quorumServer{}
	for i, url := range n.urls {
		client, network := open(t, url), &network{tick: n.ticks[i]}
		client.AddHook(network)
		s.clients, s.networks = append(s.clients, client), append(s.networks, network)
	}
	var err error
	if s.lock, err = redislock.NewQuorum(s.clients, o); err != nil {
		return nil, err
	}
	t.Cleanup(func() { flush(t, s.lock) })
	return s, nil
}

// newQuorum returns server-a's lock over the clients.
func newQuorum(t testing.TB, clients []redislock.Client) *redislock.Quorum {
	t.Helper()
	lock, err := redislock.NewQuorum(clients, redislock.Options{
		Server: "server-a", TTL: time.Minute, Now: time.Now, Patience: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { flush(t, lock) })
	return lock
}

// flush waits until all requests have been sent and answered.
func flush(t testing.TB, q *redislock.Quorum) {
	t.Helper()
	if err := q.Flush(context.Background()); err != nil {
		t.Error(err)
	}
}

// with returns the number of nodes with the key.
func (n *nodes) with(key string) (count int) {
	for _, store := range n.stores {
		count += int(store.Exists(context.Background(), key).Val())
	}
	return count
}

// fixture is Redlock on the nodes. A server's request goes to each of them, and all have the same
// network conditions.
func (n *nodes) fixture(t *testing.T, ttl time.Duration) locktest.Fixture {
	prefix := t.Name() + ":"
	var mu sync.Mutex
	servers := map[string]*quorumServer{}
	settle := func() {
		mu.Lock()
		defer mu.Unlock()
		for _, s := range servers {
			flush(t, s.lock)
		}
	}
	each := func(server string, change func(*network)) {
		mu.Lock()
		defer mu.Unlock()
		for _, network := range servers[server].networks {
			network.set(change)
		}
	}
	return locktest.Fixture{
		TTL: ttl,
		New: func(server string, ttl time.Duration, now func() time.Time) (billing.Locker, error) {
			s, err := n.server(t, redislock.Options{
				// A repeated obtain would be in flight while the fixture waits for all nodes.
				Server: server, TTL: ttl, Prefix: prefix, Now: now, Patience: -1,
			})
			if err != nil {
				return nil, err
			}
			mu.Lock()
			defer mu.Unlock()
			servers[server] = s
			return s.lock, nil
		},
		Expire: func(key string) {
			settle()
			for _, store := range n.stores {
				store.Del(context.Background(), prefix+key)
			}
		},
		Held: func(key string) bool {
			settle()
			return n.with(prefix+key) > 0
		},
		Cut: func(server string) { each(server, func(n *network) { n.cut = true }) },
		LoseAnswers: func(server string, count int) {
			each(server, func(n *network) { n.lose = count })
		},
		DelayAnswers: func(server string, d time.Duration) {
			each(server, func(n *network) { n.delay = d })
		},
	}
}

func TestQuorumKeepsTheLaws(t *testing.T) {
	t.Parallel()
	for _, law := range locktest.Laws() {
		t.Run(law.Name, func(t *testing.T) {
			t.Parallel()
			inQuorumBubble(t, func(t *testing.T, n *nodes) {
				law.Check(t, n.fixture(t, 30*time.Second))
			})
		})
	}
}

func TestQuorumKeepsTheLawsOnRealRedis(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for TTLs to pass")
	}
	var urls []string
	for range 5 {
		urls = append(urls, realRedis(t)+patient)
	}
	n := newNodes(t, urls, make([]func(), 5))
	locktest.Run(t, func(t *testing.T) locktest.Fixture { return n.fixture(t, 2*time.Second) })
}
