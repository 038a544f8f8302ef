package main

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/bsm/redislock"
	goredis9 "github.com/redis/go-redis/v9"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/locktest"
	"example.com/triplecharge/internal/services"
)

// ownLock is what docs/peers.md calls a lock of one's own: another library's lock, here
// bsm/redislock, as the port through which our modes lock.
type ownLock struct {
	client *redislock.Client
	prefix string
	ttl    time.Duration
	now    func() time.Time
}

// Obtain implements billing.Locker. The lease is valid from before the request, since Redis starts
// the TTL later.
func (l ownLock) Obtain(ctx context.Context, key string) (billing.Lease, error) {
	sent := l.now()
	lock, err := l.client.Obtain(ctx, l.prefix+key, l.ttl, nil)
	if errors.Is(err, redislock.ErrNotObtained) {
		return nil, billing.ErrHeld
	} else if err != nil {
		return nil, err
	}
	return &ownLease{lock: lock, now: l.now, validUntil: sent.Add(l.ttl - l.ttl/10)}, nil
}

type ownLease struct {
	lock       *redislock.Lock
	now        func() time.Time
	validUntil time.Time
	released   bool
}

// Valid implements billing.Lease.
func (l *ownLease) Valid() error {
	if l.released || !l.now().Before(l.validUntil) {
		return billing.ErrLeaseLost
	}
	return nil
}

// Release implements billing.Lease.
func (l *ownLease) Release(ctx context.Context) error {
	l.released = true
	err := l.lock.Release(ctx)
	if errors.Is(err, redislock.ErrLockNotHeld) {
		err = billing.ErrLeaseLost
	}
	return err
}

// Nothing renews this one, and it takes whatever TTL it is given; in all else that can be asked of
// it without a hand on its network it is a lock.
func TestALockOfOnesOwnIsHeldToTheSuite(t *testing.T) {
	t.Parallel()
	svc, err := services.Start(t.Context(), services.Options{SkipPostgres: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := svc.Close(); err != nil {
			t.Error(err)
		}
	})
	flaws := []string{
		"TTLs that can't be kept are refused", "a held lease is renewed past its TTL",
		"a renewal leaves the next holder alone",
	}
	for _, law := range locktest.Laws() {
		t.Run(law.Name, func(t *testing.T) {
			t.Parallel()
			broken := law.Broken(t, fixture(t, svc.RedisURL()))
			if (broken != "") != slices.Contains(flaws, law.Name) {
				t.Errorf("what is wrong with it is %q", broken)
			}
		})
	}
}

// fixture is the lock over the Redis at the URL, with keys of the test's own.
func fixture(t *testing.T, url string) locktest.Fixture {
	t.Helper()
	o, err := goredis9.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	store := goredis9.NewClient(o)
	t.Cleanup(func() { _ = store.Close() })
	prefix := t.Name() + ":"
	return locktest.Fixture{
		TTL: 2 * time.Second,
		New: func(_ string, ttl time.Duration, now func() time.Time) (billing.Locker, error) {
			return ownLock{redislock.New(store), prefix, ttl, now}, nil
		},
		Expire: func(key string) {
			if err := store.Del(context.Background(), prefix+key).Err(); err != nil {
				t.Error(err)
			}
		},
		Held: func(key string) bool {
			n, err := store.Exists(context.Background(), prefix+key).Result()
			if err != nil {
				t.Error(err)
			}
			return n > 0
		},
	}
}
