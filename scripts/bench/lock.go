package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	bsm "github.com/bsm/redislock"
	"github.com/go-redsync/redsync/v4"
	"github.com/go-redsync/redsync/v4/redis/goredis/v9"
	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
	"github.com/redis/rueidis/rueidislock"

	"example.com/triplecharge/billing/redislock"
)

const lockTTL = 30 * time.Second

// obtain asks for a lock once and returns what releases it; an error if another has it.
type obtain func(ctx context.Context, key string) (release func(), err error)

// contender is a lock library with a client of its own, as a server has.
type contender struct {
	name  string
	open  func(url string) (obtain, func(), error)
	most  float64 // ours ÷ this one, 64 callers; 0: no goal
	alone bool    // it is what ours alone is measured against
}

func contenders() []contender {
	return []contender{
		{name: "raw go-redis", open: openRaw, alone: true},
		{name: "redislock", open: openRedislock, most: 0.35},
		{name: "redsync", open: openRedsync, most: 0.25},
		{name: "rueidislock", open: openRueidislock, most: 0.60},
	}
}

func openOurs(url string) (obtain, func(), error) {
	client, err := redislock.Open(url)
	if err != nil {
		return nil, nil, err
	}
	locker, err := redislock.New(client, redislock.Options{
		Server: "server-a", TTL: lockTTL, Now: time.Now,
	})
	return func(ctx context.Context, key string) (func(), error) {
		lease, err := locker.Obtain(ctx, key)
		if err != nil {
			return nil, err
		}
		return func() { _ = lease.Release(ctx) }, nil
	}, func() { _ = client.Close() }, err
}

// openRaw is the same two commands with nothing around them.
func openRaw(url string) (obtain, func(), error) {
	client, err := redislock.Open(url)
	if err != nil {
		return nil, nil, err
	}
	script := redis.NewScript(
		`if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end`)
	err = script.Load(context.Background(), client).Err()
	return func(ctx context.Context, key string) (func(), error) {
		set, err := client.SetNX(ctx, key, "token", lockTTL).Result()
		if err != nil || !set {
			return nil, fmt.Errorf("not set: %w", err)
		}
		return func() { _ = script.EvalSha(ctx, client, []string{key}, "token").Err() }, nil
	}, func() { _ = client.Close() }, err
}

func openRedislock(url string) (obtain, func(), error) {
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, nil, err
	}
	client := redis.NewClient(o)
	locker := bsm.New(client)
	return func(ctx context.Context, key string) (func(), error) {
		lock, err := locker.Obtain(ctx, key, lockTTL, nil)
		if err != nil {
			return nil, err
		}
		return func() { _ = lock.Release(ctx) }, nil
	}, func() { _ = client.Close() }, nil
}

func openRedsync(url string) (obtain, func(), error) {
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, nil, err
	}
	client := redis.NewClient(o)
	rs := redsync.New(goredis.NewPool(client))
	return func(ctx context.Context, key string) (func(), error) {
		mutex := rs.NewMutex(key, redsync.WithTries(1), redsync.WithExpiry(lockTTL))
		if err := mutex.LockContext(ctx); err != nil {
			return nil, err
		}
		return func() { _, _ = mutex.UnlockContext(ctx) }, nil
	}, func() { _ = client.Close() }, nil
}

func openRueidislock(url string) (obtain, func(), error) {
	option, err := rueidis.ParseURL(url)
	if err != nil {
		return nil, nil, err
	}
	locker, err := rueidislock.NewLocker(rueidislock.LockerOption{
		ClientOption: option, KeyMajority: 1, NoLoopTracking: true, KeyValidity: lockTTL,
	})
	if err != nil {
		return nil, nil, err
	}
	return func(ctx context.Context, key string) (func(), error) {
		_, cancel, err := locker.TryWithContext(ctx, key)
		if err != nil {
			return nil, err
		}
		return cancel, nil
	}, locker.Close, nil
}

// lock measures the lock alone, with 64 callers, and three servers that race.
func (b *bench) lock(ctx context.Context) error {
	alone, crowd, race := 2000, 20000, 300
	if b.Quick {
		alone, crowd, race = 200, 2000, 30
	}
	url := b.services.RedisURL()
	ours, closeOurs, err := openOurs(url)
	if err != nil {
		return err
	}
	defer closeOurs()
	for _, c := range contenders() {
		theirs, closeTheirs, err := c.open(url)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		defer closeTheirs()
		if c.alone {
			ratios := b.turns(func() float64 { return median(ctx, ours, alone) },
				func() float64 { return median(ctx, theirs, alone) })
			b.report.add(figure{section: "one lock, nobody competing", values: ratios, most: 1.10,
				what: "ours ÷ raw go-redis"})
			b.report.add(figure{section: "one lock, nobody competing", unit: "allocations",
				values: []float64{allocations(ctx, ours)}, most: 20, what: "ours"})
		}
		ratios := b.turns(func() float64 { return each(ctx, ours, 64, crowd) },
			func() float64 { return each(ctx, theirs, 64, crowd) })
		b.report.add(figure{section: "64 callers", values: ratios, most: c.most,
			what: "ours ÷ " + c.name})
	}
	return b.race(ctx, url, race)
}

// turns has two measured in turns, and returns their ratios.
func (b *bench) turns(one, other func() float64) (ratios []float64) {
	one() // connects
	other()
	for range b.Rounds {
		ratios = append(ratios, one()/other())
	}
	return ratios
}

// keys makes each key another's, so that nobody competes.
var keys atomic.Int64

// each is the time for one lock of so many, obtained and released by so many callers.
func each(ctx context.Context, lock obtain, callers, locks int) float64 {
	began := time.Now()
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range locks / callers {
				key := fmt.Sprint("bench:", keys.Add(1))
				release, err := lock(ctx, key)
				for err != nil && ctx.Err() == nil {
					// Nobody competes: it gave up on a machine that is busy, and asks again.
					release, err = lock(ctx, key)
				}
				if err == nil {
					release()
				}
			}
		})
	}
	all.Wait()
	return time.Since(began).Seconds() / float64(locks)
}

// allocations is how many one lock takes.
func allocations(ctx context.Context, lock obtain) float64 {
	const locks = 1000
	key := "bench:allocations"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range locks {
		if release, err := lock(ctx, key); err == nil {
			release()
		}
	}
	runtime.ReadMemStats(&after)
	return float64(int(after.Mallocs-before.Mallocs) / locks)
}

// race has three servers ask for the same key at once, each once, and measures until the last has
// returned and the one that got it has released it.
func (b *bench) race(ctx context.Context, url string, races int) error {
	three := func(open func(string) (obtain, func(), error)) ([]obtain, func(), error) {
		var locks []obtain
		var closers []func()
		closeAll := func() {
			for _, c := range closers {
				c()
			}
		}
		for range servers {
			lock, closeLock, err := open(url)
			if err != nil {
				closeAll()
				return nil, nil, err
			}
			locks, closers = append(locks, lock), append(closers, closeLock)
		}
		return locks, closeAll, nil
	}
	raw, closeRaw, err := three(openRaw)
	if err != nil {
		return err
	}
	defer closeRaw()
	for _, c := range append([]contender{{name: "ours", open: openOurs}}, contenders()[1:]...) {
		locks, closeLocks, err := three(c.open)
		if err != nil {
			return err
		}
		ratios := b.turns(func() float64 { return races3(ctx, locks, races) },
			func() float64 { return races3(ctx, raw, races) })
		closeLocks()
		b.report.add(figure{section: "three servers race for one key", values: ratios,
			what: c.name + " ÷ raw go-redis"})
	}
	return nil
}

// races3 is the time for one race.
func races3(ctx context.Context, locks []obtain, races int) float64 {
	began := time.Now()
	for range races {
		key := fmt.Sprint("bench:race:", keys.Add(1))
		var all sync.WaitGroup
		for _, lock := range locks {
			all.Go(func() {
				if release, err := lock(ctx, key); err == nil {
					release()
				}
			})
		}
		all.Wait()
	}
	return time.Since(began).Seconds() / float64(races)
}
