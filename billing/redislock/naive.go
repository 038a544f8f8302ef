package redislock

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/triplecharge/billing"
)

// NaiveOptions says how a Naive lock works. Server and TTL must be set.
type NaiveOptions struct {
	Server string        // the server's name: the value of every key it sets
	TTL    time.Duration // how long a key lasts; whole milliseconds, 50 or more
	Prefix string        // put before every key
}

// Naive is the lock that most tutorials show, SET NX PX and DEL, with all that is wrong with it;
// Locker has the answers. Safe for concurrent use.
type Naive struct {
	client redis.UniversalClient
	o      NaiveOptions
}

// NewNaive returns the naive lock over the client. It refuses TTLs that Redis can't keep.
func NewNaive(client redis.UniversalClient, o NaiveOptions) (*Naive, error) {
	if err := checkTTL(o.TTL); err != nil {
		return nil, err
	}
	return &Naive{client, o}, nil
}

// Obtain sets the key to the server's name, unless it exists: billing.ErrHeld. If the answer is
// lost, nobody knows whether the key is set; the value doesn't tell one attempt from another.
func (n *Naive) Obtain(ctx context.Context, key string) (billing.Lease, error) {
	key = n.o.Prefix + key
	err := n.client.Do(ctx, "SET", key, n.o.Server, "NX", "PX", n.o.TTL.Milliseconds()).Err()
	if errors.Is(err, redis.Nil) {
		return nil, billing.ErrHeld
	} else if err != nil {
		return nil, fmt.Errorf("set %s: %w", key, err)
	}
	return naiveLease{n.client, key}, nil
}

type naiveLease struct {
	client redis.UniversalClient
	key    string
}

// Trusted is always nil: the naive lock doesn't look at the clock.
func (l naiveLease) Trusted() error { return nil }

// Release deletes the key, whosever it is by now.
func (l naiveLease) Release(ctx context.Context) error {
	if err := l.client.Del(ctx, l.key).Err(); err != nil {
		return fmt.Errorf("del %s: %w", l.key, err)
	}
	return nil
}
