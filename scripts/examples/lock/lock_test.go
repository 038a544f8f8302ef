package main

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/locktest"
)

// flaws are the laws that the lock breaks, and that we know of.
var flaws = []string{
	"a released lease is over",
	"a release after expiry leaves the next holder alone",
	"TTLs that can't be kept are refused",
	"a held lease is renewed past its TTL",
	"a renewal never revives a lost lease",
	"a renewal leaves the next holder alone",
	"a lost lease stays lost",
}

func TestTheLaws(t *testing.T) {
	for _, law := range locktest.Laws() {
		t.Run(law.Name, func(t *testing.T) {
			t.Parallel()
			broken := law.Broken(t, fixture(t))
			if (broken != "") != slices.Contains(flaws, law.Name) {
				t.Errorf("what is wrong is %q", broken)
			}
		})
	}
}

// fixture is the lock over a Redis in memory, whose clock ticks.
func fixture(t *testing.T) locktest.Fixture {
	store := miniredis.RunT(t)
	go func() {
		const tick = 10 * time.Millisecond
		for range time.Tick(tick) {
			store.FastForward(tick)
		}
	}()
	client := redis.NewClient(&redis.Options{Addr: store.Addr()})
	t.Cleanup(func() { _ = client.Close() })
	return locktest.Fixture{
		TTL: 2 * time.Second,
		New: func(_ string, ttl time.Duration, _ func() time.Time) (billing.Locker, error) {
			return Lock{client, ttl}, nil
		},
		Expire: func(key string) { client.Del(context.Background(), key) },
		Held: func(key string) bool {
			return client.Exists(context.Background(), key).Val() > 0
		},
	}
}
