package redislock_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// BenchmarkAlone obtains and releases one lease without competition, and sends the same two
// commands directly through the same client. They alternate, so both see the same load; x-raw is
// the ratio of their medians.
func BenchmarkAlone(b *testing.B) {
	ctx := context.Background()
	client := open(b, realRedis(b))
	locker := newLocker(b, client, 30*time.Second)
	script := redis.NewScript(
		`if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end`)
	if err := script.Load(ctx, client).Err(); err != nil {
		b.Fatal(err)
	}
	raw := func() error {
		if err := client.SetNX(ctx, key, "token", 30*time.Second).Err(); err != nil {
			return err
		}
		return script.EvalSha(ctx, client, []string{key}, "token").Err()
	}
	lease := func() error {
		lease, err := locker.Obtain(ctx, key)
		if err != nil {
			return err
		}
		return lease.Release(ctx)
	}
	time1 := func(f func() error) time.Duration {
		start := time.Now()
		if err := f(); err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	}

	b.Run("raw", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			time1(raw)
		}
	})
	b.Run("lease", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			time1(lease)
		}
	})
	b.Run("ratio", func(b *testing.B) {
		var raws, leases []time.Duration
		for b.Loop() {
			raws, leases = append(raws, time1(raw)), append(leases, time1(lease))
		}
		slices.Sort(raws)
		slices.Sort(leases)
		middle := len(raws) / 2
		b.ReportMetric(float64(leases[middle])/float64(raws[middle]), "x-raw")
	})
}
