package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
	"example.com/triplecharge/internal/event"
)

// locker returns the lock that a mode relies on, and a function that closes it. It connects on
// first use: a server must start even if Redis is down.
func (c Config) locker(kind billing.Lock, e *events) (*ownedLocker, func(), error) {
	flag, urls := c.redis(kind)
	clients, err := redislock.OpenNodes(urls)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", flag, err)
	}
	closeAll := func() {
		for _, client := range clients {
			_ = client.Close()
		}
	}
	o := redislock.Options{
		Server: c.Name, TTL: c.LockTTL, Now: time.Now, Observe: e.lease,
		Patience: cmp.Or(c.LockPatience, -1),
	}
	var locker billing.Locker
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
	if err := c.checkRedis(clients, e); err != nil {
		closeAll()
		return nil, nil, fmt.Errorf("%s: %w", flag, err)
	}
	owned := &ownedLocker{Locker: locker, nodes: clients, flag: flag, prefix: c.LockPrefix}
	if quorum, ok := locker.(*redislock.Quorum); ok {
		// Release returns once a quorum has released; requests to slow nodes are still in flight.
		return owned, func() { flush(quorum); closeAll() }, nil
	}
	return owned, closeAll, nil
}

// CheckRedisURL says why servers could not use a URL. It connects to nobody.
func CheckRedisURL(url string) error {
	client, err := redislock.Open(url)
	if err != nil {
		return err
	}
	return client.Close()
}

// unfenced is the floor of a lease that needs no fencing token.
const unfenced billing.Token = -1

// obtain obtains a lease, with a token above the floor unless that is unfenced.
func obtain(
	ctx context.Context, l billing.Locker, key string, floor billing.Token,
) (billing.Lease, billing.Token, error) {
	if floor == unfenced {
		lease, err := l.Obtain(ctx, key)
		return lease, 0, err
	}
	if fenced, ok := l.(billing.FencedLocker); ok {
		return fenced.ObtainFenced(ctx, key, floor)
	}
	return nil, 0, errors.New("this kind of lock has no fencing tokens")
}

// checkLimit bounds what a Redis that is away costs at the start of a server.
const checkLimit = time.Second

// checkRedis finds what is wrong with Redis, if it answers, and logs what is risky.
func (c Config) checkRedis(clients []redislock.Client, e *events) error {
	ctx, cancel := context.WithTimeout(context.Background(), checkLimit)
	defer cancel()
	for _, client := range clients {
		warning, err := redislock.Check(ctx, client, "lock:billing:check:"+c.Name)
		if err != nil {
			return err
		}
		if warning != nil {
			e.say(ctx, event.LeaseAtRisk, failure(warning))
		}
	}
	return nil
}

// flushLimit is how long a stopping server waits for its last releases to reach slow nodes. The TTL
// ends the rest.
const flushLimit = time.Second

func flush(q *redislock.Quorum) {
	ctx, cancel := context.WithTimeout(context.Background(), flushLimit)
	defer cancel()
	_ = q.Flush(ctx)
}

// redis returns the URLs of a lock's nodes, and the flag that gave them.
func (c Config) redis(kind billing.Lock) (flag string, urls []string) {
	switch kind {
	case billing.NoLock:
		return "", nil
	case billing.QuorumLock:
		return "--redis-nodes", c.RedisNodes
	}
	return "--redis-url", []string{c.RedisURL}
}

// observe logs a lock's events. A naive lease's value is the server's name. A safe one's begins
// with it; the random rest stays secret.
func (c Config) observe(
	ctx context.Context, l billing.Locker, kind billing.Lock, e *events,
) billing.FencedLocker {
	value := c.Name
	if kind != billing.NaiveLock {
		value += ":…"
	}
	return observedLocker{l, e, ctx, c.LockPrefix, value, c.LockTTL}
}

// lease logs that a lease was renewed or lost. The loop that renews all leases calls it, and may
// still do so for one that has been released since: that is not logged.
func (e *events) lease(l redislock.Event) {
	inv, ok := e.leased.Load(l.Key)
	if !ok {
		return
	}
	ctx := context.WithValue(context.Background(), invoiceKey{}, inv)
	kind, attrs := event.LeaseRenewed, []slog.Attr{slog.String("key", l.Key),
		slog.Float64("ms", milliseconds(l.Took)), slog.Float64("held_ms", milliseconds(l.Held))}
	if l.Kind == redislock.Lost {
		kind, attrs = event.LeaseLost, append(attrs, failure(l.Err))
	}
	e.say(ctx, kind, attrs...)
}
