package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/go-redsync/redsync/v4"
	syncredis "github.com/go-redsync/redsync/v4/redis"
	"github.com/go-redsync/redsync/v4/redis/goredis/v9"
	"github.com/redis/go-redis/v9"

	"example.com/triplecharge/billing/redislock"
)

// quorum measures Redlock on five distant nodes against the lock on one of them.
func (b *bench) quorum(ctx context.Context) error {
	const near, far, slow = time.Millisecond, 2 * time.Millisecond, 25 * time.Millisecond
	leases := 300
	if b.Quick {
		leases = 20
	}
	var urls []string
	for range 5 {
		node, err := b.services.StartRedis(ctx)
		if err != nil {
			return err
		}
		urls = append(urls, node.URL())
	}
	for _, row := range []struct {
		what      string
		distances []time.Duration
		one       time.Duration
		most      float64
	}{
		{"2 ms off", []time.Duration{far, far, far, far, far}, far, 1.06},
		{"1 ms off, one node 25 ms", []time.Duration{slow, near, near, near, near}, near, 1.25},
	} {
		for _, library := range []string{"ours", "redsync"} {
			five, left, err := openQuorum(library, urls, row.distances)
			if err != nil {
				return err
			}
			one, closeOne, err := openDistant(urls[4], row.one)
			if err != nil {
				return err
			}
			ratios := b.turns(func() float64 { return median(ctx, five, leases) },
				func() float64 { return median(ctx, one, leases) })
			closeOne()
			f := figure{section: "Redlock on five nodes ÷ our lock on one", values: ratios,
				what: fmt.Sprintf("%s, %s", library, row.what)}
			if library == "ours" {
				f.most = row.most
			}
			b.report.add(f)
			keys, err := left(ctx)
			if err != nil {
				return err
			}
			b.report.add(figure{section: f.section, unit: "keys left",
				values: []float64{float64(keys)}, what: f.what})
		}
	}
	return nil
}

// openQuorum opens a lock on all nodes. The second function closes it, and returns how many keys
// are left on the nodes.
func openQuorum(library string, urls []string, distances []time.Duration) (
	obtain, func(context.Context) (int, error), error,
) {
	var clients []redislock.Client
	var pools []syncredis.Pool
	for i, url := range urls {
		client, err := redislock.Open(url)
		if err != nil {
			return nil, nil, err
		}
		client.AddHook(distance(distances[i]))
		clients = append(clients, client)
		pools = append(pools, goredis.NewPool(client.(redis.UniversalClient)))
	}
	quorum, err := redislock.NewQuorum(clients, redislock.Options{
		Server: "server-a", TTL: lockTTL, Now: time.Now,
	})
	if err != nil {
		return nil, nil, err
	}
	left := func(ctx context.Context) (keys int, err error) {
		if err := quorum.Flush(ctx); err != nil {
			return 0, err
		}
		for _, client := range clients {
			n, err := client.DBSize(ctx).Result()
			if err != nil {
				return 0, err
			}
			keys += int(n)
			if err := client.FlushDB(ctx).Err(); err != nil {
				return 0, err
			}
			_ = client.Close()
		}
		return keys, nil
	}
	if library == "ours" {
		return ofLocker(quorum), left, nil
	}
	return ofRedsync(redsync.New(pools...)), left, nil
}

// openDistant opens our lock on one node.
func openDistant(url string, off time.Duration) (obtain, func(), error) {
	client, err := redislock.Open(url)
	if err != nil {
		return nil, nil, err
	}
	client.AddHook(distance(off))
	lock, err := ours(client)
	return lock, func() { _ = client.Close() }, err
}

// median returns the median seconds of that many locks, one after another.
func median(ctx context.Context, lock obtain, locks int) float64 {
	var took []time.Duration
	for range locks {
		began := time.Now()
		release, err := lock(ctx, fmt.Sprint("bench:", keys.Add(1)))
		if err != nil {
			continue // a node was too late
		}
		release()
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[len(took)/2].Seconds()
}

// distance is a hook that puts a round trip between a client and its Redis. Five proxies would take
// more time than the locks that are measured.
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
	waiting  bool // for the reply to the last write
}

func (c *distantConn) Write(p []byte) (int, error) {
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
