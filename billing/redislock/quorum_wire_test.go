package redislock_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
)

// On the wire, a lease is one command to obtain and one to release, per node.
func TestQuorumCommandsOfALease(t *testing.T) {
	t.Parallel()
	var proxies []*wire
	var clients []redislock.Client
	for range 5 {
		p := newWire(t, miniRedis(t).Addr())
		proxies = append(proxies, p)
		clients = append(clients, open(t, "redis://"+p.addr+patient))
	}
	lock := newQuorum(t, clients)
	const leases = 3
	for range leases {
		lease, err := lock.Obtain(context.Background(), key)
		if err != nil {
			t.Fatal(err)
		}
		flush(t, lock) // otherwise a late node is never asked
		if err := lease.Release(context.Background()); err != nil {
			t.Fatal(err)
		}
		flush(t, lock)
	}
	for _, p := range proxies {
		p.expectSent(t, slices.Repeat([]string{"eval"}, 2*leases)...)
	}
}

// Even a client configured to retry does not: only at the first attempt does a failure to connect
// mean that nothing was sent.
func TestQuorumNeverSendsAgain(t *testing.T) {
	t.Parallel()
	var proxies []*wire
	var clients []redislock.Client
	for range 3 {
		p := newWire(t, miniRedis(t).Addr())
		p.lose("eval", answerDrops)
		client := redis.NewClient(&redis.Options{
			Addr: p.addr, MaxRetries: 3, DisableIdentity: true,
			MaintNotificationsConfig: &maintnotifications.Config{Mode: "disabled"},
		})
		t.Cleanup(func() { client.Close() })
		proxies, clients = append(proxies, p), append(clients, client)
	}
	lock := newQuorum(t, clients)
	_, err := lock.Obtain(context.Background(), key)
	if err == nil || errors.Is(err, billing.ErrHeld) {
		t.Errorf("error %v, want that answers are missing", err)
	}
	flush(t, lock)
	asked := 0
	for _, p := range proxies {
		sent := p.sentSoFar()
		expectPair(t, sent)
		asked += len(sent) / 2
	}
	if asked < 2 {
		t.Errorf("%d nodes were asked, want a quorum", asked)
	}
}

// Three servers obtain and release 4,000 leases, in pairs competing for one key, while one node is
// slow. Nobody waits for that node, and yet no key stays on any node.
func TestQuorumLeavesNoKeys(t *testing.T) {
	t.Parallel()
	const leases, callers, slow = 4000, 16, 25 * time.Millisecond
	var urls []string
	var stores []redislock.Client
	for range 5 {
		url := realRedis(t)
		urls, stores = append(urls, url), append(stores, open(t, url))
	}
	urls[1] = newLink(t, urls[1], slow)

	keys := make(chan string)
	var locks []*redislock.Quorum
	var wg sync.WaitGroup
	for range 3 {
		var clients []redislock.Client
		for _, url := range urls {
			clients = append(clients, open(t, url+patient))
		}
		lock := newQuorum(t, clients)
		locks = append(locks, lock)
		for range callers {
			wg.Go(func() {
				for key := range keys {
					obtainAndRelease(t, lock, key)
				}
			})
		}
	}
	for i := range leases {
		keys <- fmt.Sprint("lock:", i/2)
	}
	close(keys)
	wg.Wait()
	for _, lock := range locks {
		flush(t, lock)
	}
	for i, store := range stores {
		if left := store.Keys(context.Background(), "*").Val(); len(left) > 0 {
			t.Errorf("node %d still has %d keys: %q", i, len(left), left)
		}
	}
}

// obtainAndRelease asks until it gets the lease, and releases it.
func obtainAndRelease(t *testing.T, lock *redislock.Quorum, key string) {
	for {
		lease, err := lock.Obtain(context.Background(), key)
		switch {
		case errors.Is(err, billing.ErrHeld):
		case err != nil:
			t.Error(err)
			return
		default:
			if err := lease.Release(context.Background()); err != nil {
				t.Error(err)
			}
			return
		}
	}
}

// Two dead nodes of five don't cost a time-out per lease. BenchmarkQuorum measures what they cost.
func TestQuorumDeadNodesCostNoTime(t *testing.T) {
	t.Parallel()
	for name, dead := range map[string]func(*testing.T) string{
		"they refuse": func(t *testing.T) string { return closedPort(t) },
		"they are silent": func(t *testing.T) string {
			return newLink(t, "redis://"+miniRedis(t).Addr(), silent)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var clients []redislock.Client
			for i := range 5 {
				url := "redis://" + miniRedis(t).Addr()
				if i%2 == 1 {
					url = dead(t)
				}
				clients = append(clients, open(t, url))
			}
			lock := newQuorum(t, clients)
			start := time.Now()
			const leases = 50
			for i := range leases {
				obtainAndRelease(t, lock, fmt.Sprint(key, i))
			}
			// A time-out of one second per lease would take 50 s or more.
			if took := time.Since(start); took > leases*time.Second/4 {
				t.Errorf("%d leases took %v", leases, took)
			}
		})
	}
}
