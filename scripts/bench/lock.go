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

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
)

const lockTTL = 30 * time.Second

// obtain tries once to get the lock, and returns the function that releases it.
type obtain func(ctx context.Context, key string) (release func(), err error)

// contender is a lock library with its own Redis client, as each server has one.
type contender struct {
	name  string
	open  func(url string) (obtain, func(), error)
	most  float64 // goal for ours ÷ this, 64 callers; 0: none
	alone bool    // ours is compared with it without contention, too
}

func contenders() []contender {
	return []contender{
		{name: "raw go-redis", open: openRaw, alone: true},
		{name: "redislock", open: openRedislock, most: 0.30},
		{name: "redsync", open: openRedsync, most: 0.25},
		{name: "rueidislock", open: openRueidislock, most: 0.55},
	}
}

func openOurs(url string) (obtain, func(), error) {
	client, err := redislock.Open(url)
	if err != nil {
		return nil, nil, err
	}
	lock, err := ours(client)
	return lock, func() { _ = client.Close() }, err
}

func ours(client redislock.Client) (obtain, error) {
	locker, err := redislock.New(client, redislock.Options{
		Server: "server-a", TTL: lockTTL, Now: time.Now,
	})
	return ofLocker(locker), err
}

func ofLocker(l billing.Locker) obtain {
	return func(ctx context.Context, key string) (func(), error) {
		lease, err := l.Obtain(ctx, key)
		if err != nil {
			return nil, err
		}
		return func() { _ = lease.Release(ctx) }, nil
	}
}

// openRaw sends the same two commands with nothing around them.
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
	return ofRedsync(redsync.New(goredis.NewPool(client))), func() { _ = client.Close() }, nil
}

func ofRedsync(rs *redsync.Redsync) obtain {
	return func(ctx context.Context, key string) (func(), error) {
		mutex := rs.NewMutex(key, redsync.WithTries(1), redsync.WithExpiry(lockTTL))
		if err := mutex.LockContext(ctx); err != nil {
			return nil, err
		}
		return func() { _, _ = mutex.UnlockContext(ctx) }, nil
	}
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

// lock measures one caller without contention, 64 callers, and three servers that race.
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
			b.report.add(figure{section: "one lock, no contention", values: ratios, most: 1.10,
				what: "ours ÷ raw go-redis"})
			b.report.add(figure{section: "one lock, no contention", unit: "allocations",
				values: []float64{allocations(ctx, ours)}, most: 20, what: "ours"})
		}
		ratios := b.turns(func() float64 { return each(ctx, ours, 64, crowd) },
			func() float64 { return each(ctx, theirs, 64, crowd) })
		b.report.add(figure{section: "64 callers", values: ratios, most: c.most,
			what: "ours ÷ " + c.name})
	}
	return b.race(ctx, url, race)
}

// turns measures two in turns and returns their ratios.
func (b *bench) turns(one, other func() float64) (ratios []float64) {
	one() // connect
	other()
	for range b.Rounds {
		ratios = append(ratios, one()/other())
	}
	return ratios
}

// keys numbers the keys, so that no two callers want the same one.
var keys atomic.Int64

// each returns the seconds per lock when the callers obtain and release that many in all.
func each(ctx context.Context, lock obtain, callers, locks int) float64 {
	began := time.Now()
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range locks / callers {
				key := fmt.Sprint("bench:", keys.Add(1))
				release, err := lock(ctx, key)
				for err != nil && ctx.Err() == nil {
					// Nobody else wants the key: the library gave up on a busy machine.
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

// allocations counts the heap allocations of one lock.
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

// race lets three servers try for the same key at once, and measures until the winner has released
// it and the others have given up.
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
		ratios := b.turns(func() float64 { return raceTime(ctx, locks, races) },
			func() float64 { return raceTime(ctx, raw, races) })
		closeLocks()
		b.report.add(figure{section: "three servers race for one key", values: ratios,
			what: c.name + " ÷ raw go-redis"})
	}
	return nil
}

// raceTime returns the seconds per race.
func raceTime(ctx context.Context, locks []obtain, races int) float64 {
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
