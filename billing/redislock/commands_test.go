package redislock_test

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
)

// On the wire, a lease is one command to obtain and one to release. Redis also counts the GET and
// the DEL in the script.
func TestCommandsOfALease(t *testing.T) {
	t.Parallel()
	direct, err := url.Parse(realRedis(t))
	if err != nil {
		t.Fatal(err)
	}
	p := newWire(t, direct.Host)
	proxied := *direct
	proxied.Host = p.addr
	locker := newLocker(t, open(t, proxied.String()+patient), time.Minute)
	ctx := context.Background()
	bill := func() {
		lease, err := locker.Obtain(ctx, key)
		if err != nil {
			t.Fatal(err)
		}
		if err := lease.Release(ctx); err != nil {
			t.Fatal(err)
		}
	}
	bill() // connects, and loads the script

	store := open(t, direct.String())
	statistics := store.ConfigResetStat(ctx).Err() == nil // miniredis has none
	p.sentSoFar()
	const leases = 10
	for range leases {
		bill()
	}
	p.expectSent(t, slices.Repeat([]string{"set", "evalsha"}, leases)...)
	if !statistics {
		t.Skip("the Redis here doesn't count commands")
	}
	stats := commandStats(t, store)
	delete(stats, "config|resetstat")
	want := map[string]int{"set": leases, "evalsha": leases, "get": leases, "del": leases}
	if !maps.Equal(stats, want) {
		t.Errorf("Redis counted %v, want %v", stats, want)
	}
}

// commandStats returns how often Redis ran each command since the last reset of its statistics.
func commandStats(t *testing.T, client redislock.Client) map[string]int {
	t.Helper()
	info, err := client.Info(context.Background(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	stats := map[string]int{}
	calls := regexp.MustCompile(`cmdstat_(\S+):calls=(\d+)`)
	for _, m := range calls.FindAllStringSubmatch(info, -1) {
		if stats[m[1]], err = strconv.Atoi(m[2]); err != nil {
			t.Fatal(err)
		}
	}
	return stats
}

// The SET arrives but its answer is lost: the retry finds its own key.
func TestAnswerLostOnTheWire(t *testing.T) {
	t.Parallel()
	ours := func(query string) func(*testing.T, string) redislock.Client {
		return func(t *testing.T, addr string) redislock.Client {
			return open(t, "redis://"+addr+query)
		}
	}
	// A client made without Open retries.
	retrying := func(t *testing.T, addr string) redislock.Client {
		client := redis.NewClient(&redis.Options{
			Addr: addr, ReadTimeout: 100 * time.Millisecond, DisableIdentity: true,
			MaintNotificationsConfig: &maintnotifications.Config{Mode: "disabled"},
		})
		t.Cleanup(func() { client.Close() })
		return client
	}
	for name, test := range map[string]struct {
		fate   fate
		client func(*testing.T, string) redislock.Client
	}{
		"the connection drops":      {answerDrops, ours(patient)},
		"the answer never comes":    {noAnswer, ours("?read_timeout=100ms")},
		"the request never arrives": {requestDrops, ours(patient)},
		"a client that retries":     {answerDrops, retrying},
		"it retries time-outs, too": {noAnswer, retrying},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newWire(t, miniRedis(t).Addr())
			locker := newLocker(t, test.client(t, p.addr), time.Minute)
			warmUp(t, locker)
			p.sentSoFar()
			p.lose("set", test.fate)
			ctx := context.Background()
			lease, err := locker.Obtain(ctx, key)
			if err != nil {
				t.Fatal(err)
			}
			if err := lease.Valid(); err != nil {
				t.Error(err)
			}
			if err := lease.Release(ctx); err != nil {
				t.Error(err)
			}
			p.expectSent(t, "set", "eval", "evalsha")
		})
	}
}

// After a lost answer the naive lock locks itself out for a whole TTL.
func TestNaiveLocksItselfOut(t *testing.T) {
	t.Parallel()
	p := newWire(t, miniRedis(t).Addr())
	p.lose("set", answerDrops)
	naive, err := redislock.NewNaive(open(t, "redis://"+p.addr+patient),
		redislock.NaiveOptions{Server: "server-a", TTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	_, err = naive.Obtain(context.Background(), key)
	if !errors.Is(err, billing.ErrUnavailable) {
		t.Fatalf("error %v, want ErrUnavailable", err)
	}
	if _, err := naive.Obtain(context.Background(), key); !errors.Is(err, billing.ErrHeld) {
		t.Errorf("the retry: %v, want ErrHeld", err)
	}
}
