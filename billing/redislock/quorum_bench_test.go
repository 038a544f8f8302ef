package redislock_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
)

// BenchmarkQuorum obtains and releases leases on five nodes, and on what they are compared with:
// one node at the same distance, or five that are alive. They alternate, so both see the same load;
// ratio is the ratio of their medians.
func BenchmarkQuorum(b *testing.B) {
	const near, far, slow = time.Millisecond, 2 * time.Millisecond, 25 * time.Millisecond
	const refusing = -2 // not a distance: the node refuses connections
	var urls []string
	for range 5 {
		urls = append(urls, realRedis(b))
	}
	nobody := closedPort(b)
	at := func(distances ...time.Duration) func(*testing.B) billing.Locker {
		return func(b *testing.B) billing.Locker {
			var clients []redislock.Client
			for i, d := range distances {
				url := urls[i]
				if d == refusing {
					url = nobody
				}
				client := open(b, url)
				client.AddHook(distance(d))
				clients = append(clients, client)
			}
			if len(clients) == 1 {
				return newLocker(b, clients[0], time.Minute)
			}
			return newQuorum(b, clients)
		}
	}
	for _, row := range []struct {
		name       string
		lock, than func(*testing.B) billing.Locker
	}{
		{"2ms/than=one", at(far, far, far, far, far), at(far)},
		{"1ms,one=25ms/than=one", at(slow, near, near, near, near), at(near)},
		{"2ms,two=refusing/than=five", at(refusing, far, refusing, far, far),
			at(far, far, far, far, far)},
		{"2ms,two=silent/than=five", at(silent, far, silent, far, far),
			at(far, far, far, far, far)},
	} {
		for _, callers := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("%s/callers=%d", row.name, callers), func(b *testing.B) {
				sideBySide(b, callers, row.lock(b), row.than(b))
			})
		}
	}
}

func sideBySide(b *testing.B, callers int, lock, than billing.Locker) {
	var took [2][]time.Duration
	for round := 0; b.Loop(); round++ {
		for i, l := range []billing.Locker{lock, than} {
			took[i] = append(took[i], leases(b, l, callers, fmt.Sprint(i, ":", round))...)
		}
	}
	median := func(d []time.Duration) float64 {
		slices.Sort(d)
		return d[len(d)/2].Seconds() * 1000
	}
	b.ReportMetric(median(took[0])/median(took[1]), "ratio")
	b.ReportMetric(median(took[0]), "ms/lease")
	b.ReportMetric(median(took[1]), "ms/than")
	b.ReportMetric(0, "ns/op")
}

// leases makes each caller obtain and release ten leases, and returns how long each took.
func leases(b *testing.B, l billing.Locker, callers int, prefix string) []time.Duration {
	const each = 10
	took := make([]time.Duration, callers*each)
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for i := range each {
				start := time.Now()
				key := fmt.Sprint(prefix, ":", caller, ":", i)
				lease, err := l.Obtain(context.Background(), key)
				if err != nil {
					b.Error(err)
					return
				}
				if err := lease.Release(context.Background()); err != nil {
					b.Error(err)
				}
				took[caller*each+i] = time.Since(start)
			}
		})
	}
	wg.Wait()
	return took
}

// distance is a hook that adds a round-trip time between a client and its Redis. Five proxies would
// take more time than what is measured.
type distance time.Duration

func (d distance) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &distantConn{Conn: conn, distance: time.Duration(d)}, nil
	}
}

func (d distance) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (d distance) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

type distantConn struct {
	net.Conn

	distance time.Duration
	waiting  bool // for the answer to the last write
}

func (c *distantConn) Write(p []byte) (int, error) {
	if c.distance == silent {
		return len(p), nil
	}
	c.waiting = true
	return c.Conn.Write(p)
}

func (c *distantConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.waiting {
		c.waiting = false
		<-time.After(c.distance)
	}
	return n, err
}
