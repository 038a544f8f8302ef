package redislock

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/triplecharge/billing"
)

// NaiveOptions configures a Naive lock. Server and TTL are required.
type NaiveOptions struct {
	Server string        // the value of every key this server sets
	TTL    time.Duration // lifetime of a key: whole milliseconds, at least 50
	Prefix string        // precedes every key; may be empty
}

// Naive is the lock that most tutorials show, SET NX PX and DEL, with all its bugs. Locker fixes
// them. Safe for concurrent use.
type Naive struct {
	client Client
	o      NaiveOptions
}

// NewNaive returns a naive lock on the client's Redis. An invalid TTL is an error.
func NewNaive(client Client, o NaiveOptions) (*Naive, error) {
	if err := checkTTL(o.TTL); err != nil {
		return nil, err
	}
	return &Naive{client, o}, nil
}

// Obtain sets the key to the server's name. If the key exists, the error is billing.ErrHeld. After
// a lost answer nobody knows whether the key is set: all attempts of a server use the same value.
func (n *Naive) Obtain(ctx context.Context, key string) (billing.Lease, error) {
	key = n.o.Prefix + key
	err := n.client.Do(ctx, "SET", key, n.o.Server, "NX", "PX", n.o.TTL.Milliseconds()).Err()
	if errors.Is(err, redis.Nil) {
		return nil, billing.ErrHeld
	} else if err != nil {
		return nil, fmt.Errorf("set %s: %w", key, unavailable(ctx, err))
	}
	return naiveLease{n.client, key}, nil
}

type naiveLease struct {
	client Client
	key    string
}

// Valid always returns nil: the naive lock ignores the clock.
func (l naiveLease) Valid() error { return nil }

// Release deletes the key, even if another server holds it.
func (l naiveLease) Release(ctx context.Context) error {
	if err := l.client.Del(ctx, l.key).Err(); err != nil {
		return fmt.Errorf("del %s: %w", l.key, err)
	}
	return nil
}
