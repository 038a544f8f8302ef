package redislock_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/locktest"
	"example.com/triplecharge/billing/redislock"
	"example.com/triplecharge/internal/services/servicetest"
)

func TestMain(m *testing.M) {
	status := servicetest.Run(m)
	// A Docker client, if used, keeps its connections open.
	err := goleak.Find(goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
	if err != nil && status == 0 {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// maker makes one of the package's locks.
type maker func(redislock.Client, redislock.Options) (billing.Locker, error)

func safe(client redislock.Client, o redislock.Options) (billing.Locker, error) {
	return redislock.New(client, o)
}

func naive(client redislock.Client, o redislock.Options) (billing.Locker, error) {
	return redislock.NewNaive(client, redislock.NaiveOptions{
		Server: o.Server, TTL: o.TTL, Prefix: o.Prefix,
	})
}

// fixture is a lock on the Redis at the URL. tick is called before each request; it may be nil.
func fixture(
	t *testing.T, url string, ttl time.Duration, lock maker, tick func(),
) locktest.Fixture {
	prefix := t.Name() + ":"
	var mu sync.Mutex
	networks := map[string]*network{}
	link := func(server string) *network {
		mu.Lock()
		defer mu.Unlock()
		if networks[server] == nil {
			networks[server] = &network{tick: tick}
		}
		return networks[server]
	}
	store := open(t, url)
	store.AddHook(link("the test"))

	return locktest.Fixture{
		TTL: ttl,
		New: func(server string, ttl time.Duration, now func() time.Time) (billing.Locker, error) {
			client := open(t, url)
			client.AddHook(link(server))
			return lock(client, redislock.Options{
				Server: server, TTL: ttl, Prefix: prefix, Now: now,
			})
		},
		Expire: func(key string) { store.Del(context.Background(), prefix+key) },
		Held: func(key string) bool {
			return store.Exists(context.Background(), prefix+key).Val() == 1
		},
		Cut: func(server string) { link(server).set(func(n *network) { n.cut = true }) },
		LoseAnswers: func(server string, count int) {
			link(server).set(func(n *network) { n.lose = count })
		},
		DelayAnswers: func(server string, d time.Duration) {
			link(server).set(func(n *network) { n.delay = d })
		},
	}
}

func TestLockerKeepsTheLaws(t *testing.T) {
	t.Parallel()
	for _, law := range locktest.Laws() {
		t.Run(law.Name, func(t *testing.T) {
			t.Parallel()
			mini := miniRedis(t)
			synctest.Test(t, func(t *testing.T) {
				url := "redis://" + mini.Addr() + patient
				law.Check(t, fixture(t, url, 30*time.Second, safe, inTime(mini)))
			})
		})
	}
}

func TestLockerKeepsTheLawsOnRealRedis(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for TTLs to pass")
	}
	url := servicetest.Redis(t) + patient
	locktest.Run(t, func(t *testing.T) locktest.Fixture {
		return fixture(t, url, 2*time.Second, safe, nil)
	})
}

// The naive lock excludes simultaneous servers, and does nothing else.
func TestNaiveBreaksTheLaws(t *testing.T) {
	t.Parallel()
	kept := []string{
		"one holder among 100 callers",
		"keys don't hold each other up",
		"a release makes way at once",
		"TTLs that can't be kept are refused",
		"a renewal that fails is tried again",                    // it has no renewals
		"an ambiguous obtain takes nothing from the next holder", // it has no retries
	}
	for _, law := range locktest.Laws() {
		t.Run(law.Name, func(t *testing.T) {
			t.Parallel()
			mini := miniRedis(t)
			synctest.Test(t, func(t *testing.T) {
				url := "redis://" + mini.Addr() + patient
				broken := law.Broken(t, fixture(t, url, 30*time.Second, naive, inTime(mini)))
				if keeps := broken == ""; keeps != slices.Contains(kept, law.Name) {
					t.Errorf("found: %q", broken)
				}
			})
		})
	}
}
