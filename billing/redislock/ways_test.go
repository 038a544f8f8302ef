package redislock_test

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
)

// way is a way to be away. leave returns how the server comes back.
type way struct {
	leave func(*redisServer) (back func())
	empty bool // it comes back without its keys
	late  bool // it then executes what nobody waits for any more
}

func ways() map[string]way {
	configured := func(name, away, home string) way {
		return way{leave: func(s *redisServer) func() {
			s.do("config", "set", name, away)
			return func() { s.do("config", "set", name, home) }
		}}
	}
	return map[string]way{
		"refused, and restarted empty": {empty: true, leave: func(s *redisServer) func() {
			s.kill()
			return s.start
		}},
		"hung": {late: true, leave: func(s *redisServer) func() {
			s.signal(syscall.SIGSTOP)
			return func() { s.signal(syscall.SIGCONT) }
		}},
		// The replica that would have to acknowledge is gone.
		"read-only": configured("min-replicas-to-write", "1", "0"),
		"loading what it saved": {leave: func(s *redisServer) func() {
			s.do("eval", "for i = 1, 1000 do redis.call('set', 'filler' .. i, i) end return 1", "0")
			s.do("save")
			s.kill()
			s.launch("--key-load-delay", "2000", // microseconds
				"--loading-process-events-interval-bytes", "1024")
			return s.untilReady
		}},
		"its password changed": {leave: func(s *redisServer) func() {
			s.do("config", "set", "requirepass", "another")
			s.do("client", "kill", "type", "normal")
			return func() { s.do("config", "set", "requirepass", "") }
		}},
	}
}

// redisPort is a lock on servers of its own.
type redisPort struct {
	away   []*redisServer // those that go away together
	locker func(redislock.Options) billing.Locker
}

func redisPorts() map[string]func(*testing.T) redisPort {
	single := func(t *testing.T, url string, away *redisServer) redisPort {
		return redisPort{[]*redisServer{away}, func(o redislock.Options) billing.Locker {
			return newLockerWith(t, open(t, url), o)
		}}
	}
	return map[string]func(*testing.T) redisPort{
		"one server": func(t *testing.T) redisPort {
			s := newRedisServer(t)
			return single(t, "redis://127.0.0.1:"+s.port, s)
		},
		"behind a Sentinel": func(t *testing.T) redisPort {
			s := newRedisServer(t)
			// No replica could take its place, so it is the one that must come back.
			return single(t, "redis://127.0.0.1:"+startSentinel(t, s.port)+"?master_name=main", s)
		},
		"a Cluster": func(t *testing.T) redisPort {
			s := startCluster(t)
			return single(t, "redis://127.0.0.1:"+s.port+"?addr=127.0.0.1:"+s.port, s)
		},
		"two of three nodes": func(t *testing.T) redisPort {
			var all []*redisServer
			for range 3 {
				all = append(all, newRedisServer(t))
			}
			return redisPort{all[:2], func(o redislock.Options) billing.Locker {
				var nodes []redislock.Client
				for _, s := range all {
					nodes = append(nodes, open(t, "redis://127.0.0.1:"+s.port))
				}
				o.Server, o.Now = "server-a", time.Now
				quorum, err := redislock.NewQuorum(nodes, o)
				must(t, err)
				t.Cleanup(func() { must(t, quorum.Flush(context.Background())) })
				return quorum
			}}
		},
	}
}

// For less than the patience, leases are obtained and released all the same. For more, an obtain
// returns ErrUnavailable, after which the run holds.
func TestRedisIsWaitedForAsLongAsTheLockHasPatience(t *testing.T) {
	t.Parallel()
	for port, setUp := range redisPorts() {
		for name, way := range ways() {
			t.Run(port+"/"+name, func(t *testing.T) {
				t.Parallel()
				p := setUp(t)
				patient := p.locker(redislock.Options{
					TTL: 20 * time.Second, Patience: 2 * time.Minute,
				})
				hasty := p.locker(redislock.Options{
					TTL: 20 * time.Second, Patience: time.Second,
				})
				held := map[billing.Locker]billing.Lease{}
				for locker, key := range map[billing.Locker]string{patient: "p", hasty: "h"} {
					lease, err := locker.Obtain(t.Context(), key)
					must(t, err)
					held[locker] = lease
				}

				var back []func()
				for _, s := range p.away {
					back = append(back, way.leave(s))
				}
				var waiting sync.WaitGroup
				waiting.Go(func() {
					lease, err := patient.Obtain(t.Context(), key)
					if err == nil {
						err = lease.Valid()
					}
					if err != nil {
						t.Errorf("obtain, for less than the patience: %v", err)
					}
				})
				waiting.Go(func() {
					err := held[patient].Release(t.Context())
					if err != nil && !(way.empty && errors.Is(err, billing.ErrLeaseLost)) {
						t.Errorf("release, for less than the patience: %v", err)
					}
				})
				if _, err := hasty.Obtain(t.Context(), "another"); !errors.Is(
					err, billing.ErrUnavailable) {
					t.Errorf("obtain, for more than the patience: got %v", err)
				}
				_ = held[hasty].Release(t.Context()) // it ends; the TTL does the rest
				for _, back := range back {
					back()
				}
				waiting.Wait()
				obtain := func(key string) (err error) {
					for range 100 { // a hasty one on a busy machine
						_, err = hasty.Obtain(t.Context(), key)
						if !errors.Is(err, billing.ErrUnavailable) {
							break
						}
					}
					return err
				}
				if err := obtain(key); !errors.Is(err, billing.ErrHeld) {
					t.Errorf("what another holds, when it is back: got %v", err)
				}
				err := obtain("another")
				if err != nil && !(way.late && errors.Is(err, billing.ErrHeld)) {
					t.Errorf("obtain, when it is back: %v", err)
				}
			})
		}
	}
}
