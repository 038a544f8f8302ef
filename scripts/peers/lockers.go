package main

import (
	"context"
	"errors"
	"time"

	"github.com/bsm/redislock"
	"github.com/go-redsync/redsync/v4"
	"github.com/go-redsync/redsync/v4/redis/goredis/v9"
	goredis9 "github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
	"github.com/redis/rueidis/rueidislock"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/scripts/faulttest"
)

// lockName returns the name of the invoice's lock. It differs from our modes' name, so that under
// mixed-modes neither respects the other's lock by chance.
func lockName(inv billing.Invoice) string { return "billing:" + inv.String() }

func openRedis(c faulttest.Server) (*goredis9.Client, error) {
	o, err := goredis9.ParseURL(c.RedisURL)
	if err != nil {
		return nil, err
	}
	return goredis9.NewClient(o), nil
}

// withRedsync is README.md, "Usage", of redsync v4: New, NewMutex without options (a lock of 8 s,
// asked for 32 times), Lock, the work, Unlock. Where the README panics "for shorter example", the
// error is returned.
func withRedsync(c faulttest.Server, charge faulttest.Charge) (faulttest.Charge, func(), error) {
	client, err := openRedis(c)
	if err != nil {
		return nil, nil, err
	}
	rs := redsync.New(goredis.NewPool(client))
	return func(ctx context.Context, inv billing.Invoice) (billing.Outcome, error) {
		mutex := rs.NewMutex(lockName(inv))
		c.Waiting(ctx, inv)
		if err := mutex.Lock(); err != nil {
			return "", err
		}
		outcome, err := charge(ctx, inv)
		if ok, unlockErr := mutex.Unlock(); !ok || unlockErr != nil {
			err = errors.Join(err, errors.New("unlock failed"), unlockErr)
		}
		return outcome, err
	}, nil, nil
}

// withRedislock is README.md, "Examples", of bsm/redislock: New, Obtain without options (no retry),
// ErrNotObtained, "Don't forget to defer Release". The example goes on to ask for the TTL and to
// refresh once, in between sleeps; a call to Stripe has no such place. Its TTL of 100 ms is
// shorter than a charge; this one is the server's --lock-ttl.
func withRedislock(c faulttest.Server, charge faulttest.Charge) (faulttest.Charge, func(), error) {
	client, err := openRedis(c)
	if err != nil {
		return nil, nil, err
	}
	locker := redislock.New(client)
	return func(ctx context.Context, inv billing.Invoice) (billing.Outcome, error) {
		lock, err := locker.Obtain(ctx, lockName(inv), c.LockTTL, nil)
		if errors.Is(err, redislock.ErrNotObtained) {
			return billing.Skipped, nil
		} else if err != nil {
			return "", err
		}
		defer func() { _ = lock.Release(ctx) }()
		return charge(ctx, inv)
	}, nil, nil
}

// patience is the time-out for a reply from Redis on a busy machine, longer than the library's.
const patience = 5 * time.Second

// withRueidislock is rueidislock/README.md of rueidis: a Locker with KeyMajority 1 ("if you have
// only one Redis instance") and NoLoopTracking, WithContext, "use the ctx as normal", cancel. By
// "Default Configuration" a lock is for 5 s and extended every 2.5 s.
func withRueidislock(c faulttest.Server, charge faulttest.Charge) (faulttest.Charge, func(), error) {
	option, err := rueidis.ParseURL(c.RedisURL)
	if err != nil {
		return nil, nil, err
	}
	locker, err := rueidislock.NewLocker(rueidislock.LockerOption{
		ClientOption: option, KeyMajority: 1, NoLoopTracking: true, TryNextAfter: patience,
	})
	if err != nil {
		return nil, nil, err
	}
	return func(ctx context.Context, inv billing.Invoice) (billing.Outcome, error) {
		c.Waiting(ctx, inv)
		ctx, cancel, err := locker.WithContext(ctx, lockName(inv))
		if err != nil {
			return "", err
		}
		defer cancel()
		return charge(ctx, inv)
	}, locker.Close, nil
}
