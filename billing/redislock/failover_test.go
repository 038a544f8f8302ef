package redislock_test

import (
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
)

// movingAddress is an address that leads to one server after another. Connections stay with the
// server that they were made to, as they do when a name in the DNS changes.
type movingAddress struct {
	t    *testing.T
	addr string

	mu   sync.Mutex
	port string
	hung map[string]bool // servers whose connections pass nothing on
}

func newMovingAddress(t *testing.T, port string) *movingAddress {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &movingAddress{t: t, addr: listener.Addr().String(), port: port, hung: map[string]bool{}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			m.mu.Lock()
			port := m.port
			m.mu.Unlock()
			server, err := net.Dial("tcp", "127.0.0.1:"+port)
			if err != nil {
				client.Close()
				continue
			}
			all.Go(func() { m.pass(server, client, port) })
			all.Go(func() { m.pass(client, server, port) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		all.Wait()
	})
	return m
}

func (m *movingAddress) pass(to, from net.Conn, port string) {
	defer to.Close()
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		m.mu.Lock()
		hung := m.hung[port]
		m.mu.Unlock()
		if hung {
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (m *movingAddress) move(port string, hang bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hung[m.port] = hang
	m.port = port
}

// The address moves to a promoted replica. Many pooled connections stay with the old primary, which
// is a replica now, or hangs. One failure is enough to leave them all.
func TestPooledConnectionsToTheOldPrimaryAreGivenUp(t *testing.T) {
	t.Parallel()
	for name, hang := range map[string]bool{"it is a replica now": false, "it hangs": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old, next := startRedis(t), startRedis(t)
			m := newMovingAddress(t, old)
			client := open(t, "redis://"+m.addr+"?read_timeout=1s&dial_timeout=20s&pool_size=40")
			lost := make(chan redislock.Event, 1)
			locker := newLockerWith(t, client, redislock.Options{
				TTL: 8 * time.Second, Observe: func(e redislock.Event) { lost <- e },
			})
			warmUp(t, locker)
			fillPool(t, client, 30) // one by one, they would take longer than the patience
			if !hang {
				demoted := open(t, "redis://127.0.0.1:"+old)
				must(t, demoted.Do(t.Context(), "replicaof", "127.0.0.1", next).Err())
			}
			m.move(next, hang)
			lease, err := locker.Obtain(t.Context(), key)
			must(t, err)
			if e := <-lost; e.Kind != redislock.Renewed {
				t.Errorf("event %+v, want a renewal", e)
			}
			must(t, lease.Release(t.Context()))
		})
	}
}

// fillPool makes that many connections, which idle afterwards.
func fillPool(t *testing.T, client redislock.Client, count int) {
	t.Helper()
	var all []*redis.Conn
	for range count {
		c := client.(*redis.Client).Conn()
		must(t, c.Ping(t.Context()).Err())
		all = append(all, c)
	}
	for _, c := range all {
		must(t, c.Close())
	}
	if n := client.(redis.UniversalClient).PoolStats().IdleConns; int(n) < count {
		t.Fatalf("%d idle connections, want %d", n, count)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A Sentinel promotes the replica of a primary that has died.
func TestAnObtainOutlastsASentinelFailover(t *testing.T) {
	t.Parallel()
	primary := newRedisServer(t)
	startRedis(t, "--replicaof", "127.0.0.1 "+primary.port, "--repl-diskless-sync-delay", "0")
	sentinel := startSentinel(t, primary.port)
	asked := open(t, "redis://127.0.0.1:"+sentinel)
	for {
		replicas, err := asked.Do(t.Context(), "sentinel", "replicas", "main").Slice()
		if err == nil && len(replicas) == 1 { // a busy Sentinel may not answer in time
			break
		}
		<-time.After(10 * time.Millisecond)
	}
	client := open(t, "redis://127.0.0.1:"+sentinel+"?master_name=main")
	locker := newLockerWith(t, client,
		redislock.Options{TTL: time.Minute, Patience: time.Minute}) // a busy machine
	warmUp(t, locker)
	primary.kill()
	if _, err := locker.Obtain(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if _, err := locker.Obtain(t.Context(), key); !errors.Is(err, billing.ErrHeld) {
		t.Errorf("got %v, want ErrHeld", err)
	}
}
