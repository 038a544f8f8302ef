package main

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/triplecharge/billing"
)

// Lock is SET NX with a TTL. It is a billing.Locker, so that the laws can be asked of it.
type Lock struct {
	client *redis.Client
	ttl    time.Duration
}

// Obtain implements billing.Locker.
func (l Lock) Obtain(ctx context.Context, key string) (billing.Lease, error) {
	taken, err := l.client.SetNX(ctx, key, "locked", l.ttl).Result()
	if err == nil && !taken {
		err = billing.ErrHeld
	}
	return lease{l.client, key}, err
}

type lease struct {
	client *redis.Client
	key    string
}

// Valid implements billing.Lease. The lock never asks.
func (lease) Valid() error { return nil }

// Release implements billing.Lease.
func (l lease) Release(ctx context.Context) error { return l.client.Del(ctx, l.key).Err() }
