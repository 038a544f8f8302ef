package redislock_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/triplecharge/billing/redislock"
)

// BenchmarkAlone obtains and releases one lease, nobody competing: raw is the same two commands
// through the same client with nothing around them.
func BenchmarkAlone(b *testing.B) {
	client := open(b, realRedis(b))
	ctx := context.Background()

	b.Run("raw", func(b *testing.B) {
		b.ReportAllocs()
		release := redis.NewScript(
			`if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end`)
		if err := release.Load(ctx, client).Err(); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if ok, err := client.SetNX(ctx, "raw", "token", 30*time.Second).Result(); err != nil || !ok {
				b.Fatal(ok, err)
			}
			if err := release.EvalSha(ctx, client, []string{"raw"}, "token").Err(); err != nil {
				b.Fatal(err)
			}
		}
	})

	b.Run("lease", func(b *testing.B) {
		b.ReportAllocs()
		locker := newLocker(b, client, 30*time.Second)
		for b.Loop() {
			lease, err := locker.Obtain(ctx, "lease")
			if err != nil {
				b.Fatal(err)
			}
			if err := lease.Release(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func newLocker(t testing.TB, client redis.UniversalClient, ttl time.Duration) *redislock.Locker {
	t.Helper()
	locker, err := redislock.New(client, redislock.Options{
		Server: "server-a", TTL: ttl, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return locker
}
