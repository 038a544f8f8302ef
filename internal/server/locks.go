package server

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
)

// locker makes the lock that a mode relies on, watched, and what closes it. It connects when it is
// used: a Redis that is down must not keep a server from starting.
func (c Config) locker(kind billing.Lock, e *events) (billing.Locker, func(), error) {
	var clients []redis.UniversalClient
	closeAll := func() {
		for _, client := range clients {
			_ = client.Close()
		}
	}
	flag, urls := c.redis(kind)
	for _, url := range urls {
		client, err := redislock.Open(url)
		if err != nil {
			closeAll()
			return nil, nil, fmt.Errorf("%s: %w", flag, err)
		}
		clients = append(clients, client)
	}
	o := redislock.Options{Server: c.Name, TTL: c.LockTTL, Now: time.Now, Observe: e.lease}
	var locker billing.Locker
	var err error
	switch kind {
	case billing.NoLock:
	case billing.NaiveLock:
		locker, err = redislock.NewNaive(clients[0], redislock.NaiveOptions{
			Server: c.Name, TTL: c.LockTTL,
		})
	case billing.SafeLock:
		locker, err = redislock.New(clients[0], o)
	case billing.QuorumLock:
		locker, err = redislock.NewQuorum(clients, o)
	default:
		err = fmt.Errorf("no lock of the kind %q", kind)
	}
	if err != nil {
		closeAll()
		return nil, nil, fmt.Errorf("--lock-ttl: %w", err)
	}
	if quorum, ok := locker.(*redislock.Quorum); ok {
		// A release returns with a quorum; the slow nodes' are still on their way.
		return c.observe(locker, kind, e), func() { flush(quorum); closeAll() }, nil
	}
	return c.observe(locker, kind, e), closeAll, nil
}

// flushLimit is how long a server that stops waits for its last releases to reach slow nodes. What
// takes longer, the TTL ends.
const flushLimit = time.Second

func flush(q *redislock.Quorum) {
	ctx, cancel := context.WithTimeout(context.Background(), flushLimit)
	defer cancel()
	_ = q.Flush(ctx)
}

// redis returns the URLs of the nodes that a lock is on, and the flag that they came by.
func (c Config) redis(kind billing.Lock) (flag string, urls []string) {
	switch kind {
	case billing.NoLock:
		return "", nil
	case billing.QuorumLock:
		return "--redis-nodes", c.RedisNodes
	}
	return "--redis-url", []string{c.RedisURL}
}

// observe stands before the lock. A naive lease's value is the server's name, a safe one's begins
// with it; the random rest is nobody else's business.
func (c Config) observe(l billing.Locker, kind billing.Lock, e *events) billing.Locker {
	value := c.Name
	if kind != billing.NaiveLock {
		value += ":…"
	}
	return observedLocker{l, e, value, c.LockTTL}
}

// lease tells what became of a lease between its obtain and its release. It is told from the one
// loop that renews all leases, which knows them by their keys; it may still have news of one that
// was released meanwhile, and then nobody wants it.
func (e *events) lease(l redislock.Event) {
	inv, ok := e.leased.Load(l.Key)
	if !ok {
		return
	}
	ctx := context.WithValue(context.Background(), invoiceKey{}, inv)
	e.say(ctx, string(l.Kind), slog.String("key", l.Key),
		slog.Float64("ms", milliseconds(l.Took)), slog.Float64("held_ms", milliseconds(l.Held)))
}
