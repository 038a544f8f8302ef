package redislock_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
)

// reply is an error that Redis answers.
type reply string

func (r reply) Error() string { return string(r) }
func (reply) RedisError()     {}

// awayFor are failures that pass by themselves.
func awayFor() []error {
	return []error{
		reply("LOADING Redis is loading the dataset in memory"),
		reply("READONLY You can't write against a read only replica."),
		reply("READONLY You can't write against a read only replica. script: 0, on @user:1."),
		reply("ERR Error running script (call to f_0): @user_script:3: -READONLY You can't write."),
		reply("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."),
		reply("NOREPLICAS Not enough good replicas to write."),
		reply("CLUSTERDOWN The cluster is down"),
		reply("TRYAGAIN Multiple keys request during rehashing of slot"),
		reply("MISCONF Redis is configured to save RDB snapshots"),
		reply("OOM command not allowed when used memory > 'maxmemory'."),
		reply("BUSY Redis is busy running a script."),
		reply("NOAUTH Authentication required."),
		reply("WRONGPASS invalid username-password pair or user is disabled."),
		reply("ERR max number of clients reached"),
		&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED},
		&net.OpError{Op: "read", Err: syscall.ECONNRESET},
		io.EOF,
		errors.New("redis: all sentinels specified in configuration are unreachable"),
	}
}

// Less than the patience costs nothing but time.
func TestAnObtainOutlastsAFailover(t *testing.T) {
	t.Parallel()
	for _, failure := range awayFor() {
		t.Run(failure.Error(), func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, b *bench) {
				const away = redislock.DefaultPatience - time.Second
				b.set(func(n *network) { n.fail = failure })
				time.AfterFunc(away, func() { b.set(func(n *network) { n.fail = nil }) })
				start := time.Now()
				lease := b.obtain(t, key)
				if took := time.Since(start); took < away || took > redislock.DefaultPatience {
					t.Errorf("took %v", took)
				}
				if requests := len(b.sentSoFar()); requests < 5 || requests > 30 {
					t.Errorf("%d requests", requests)
				}
				if err := errors.Join(lease.Valid(), lease.Release(t.Context())); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestAfterThePatienceRedisIsUnavailable(t *testing.T) {
	t.Parallel()
	for _, failure := range awayFor() {
		t.Run(failure.Error(), func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, b *bench) {
				b.set(func(n *network) { n.fail = failure })
				start := time.Now()
				_, err := b.locker.Obtain(t.Context(), key)
				if !errors.Is(err, billing.ErrUnavailable) || !errors.Is(err, failure) {
					t.Errorf("got %v, want ErrUnavailable with the reason", err)
				}
				expectTime(t, "the obtain", start, redislock.DefaultPatience)
			})
		})
	}
}

// Waiting would not help, and the caller wants to know soon.
func TestARefusalThatStaysIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		failure reply
		says    string
	}{
		{"NOPERM User worker has no permissions to run the 'eval' command", "+eval"},
		{"ERR The user executing the script can't run this command or subcommand", "+del"},
		{"ERR ACL failure in script: User worker has no permissions to run the 'del'", "+del"},
		{"MOVED 3999 127.0.0.1:6381", "?addr="},
		{"ASK 3999 127.0.0.1:6381", "?addr="},
		{"DENIED Redis is running in protected mode", "protected mode"},
		{"ERR unknown command 'EVAL'", "EVAL"},
	} {
		t.Run(string(test.failure), func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, b *bench) {
				b.set(func(n *network) { n.fail = test.failure })
				start := time.Now()
				_, err := b.locker.Obtain(t.Context(), key)
				if !errors.Is(err, billing.ErrUnavailable) ||
					!strings.Contains(err.Error(), test.says) {
					t.Errorf("got %v, want ErrUnavailable and %s", err, test.says)
				}
				expectTime(t, "the obtain", start, 0)
				b.expectSent(t, "set")
			})
		})
	}
}

// Somebody keeps something else under one key: other keys are all right.
func TestAKeyOfAnotherTypeIsNoOutage(t *testing.T) {
	t.Parallel()
	client := open(t, "redis://127.0.0.1:"+startRedis(t)+patient)
	if err := client.RPush(t.Context(), key, "not a lease").Err(); err != nil {
		t.Fatal(err)
	}
	_, err := newLocker(t, client, ttl).Obtain(t.Context(), key)
	if err == nil || errors.Is(err, billing.ErrUnavailable) || errors.Is(err, billing.ErrHeld) {
		t.Errorf("got %v, want Redis' own error", err)
	}
}

func TestACallerThatGivesUpIsNotHeldByPatience(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		b.set(func(n *network) { n.fail = reply("LOADING Redis is loading the dataset in memory") })
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		_, err := b.locker.Obtain(ctx, key)
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, billing.ErrUnavailable) {
			t.Errorf("got %v, want the context's error", err)
		}
		expectTime(t, "the obtain", start, 3*time.Second)
	})
}

// The answer is lost in the moment in which Redis goes away. When it is back, the key has this
// obtain's own token; or another server's, if it was free meanwhile.
func TestALostAnswerBeforeAnOutage(t *testing.T) {
	t.Parallel()
	for _, taken := range []bool{false, true} {
		t.Run(fmt.Sprint("taken ", taken), func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, b *bench) {
				const away = 5 * time.Second
				b.set(func(n *network) { n.lose = 1 })
				time.AfterFunc(time.Millisecond, func() {
					b.set(func(n *network) { n.fail = reply("LOADING Redis is loading") })
					if b.store.Exists(context.Background(), key).Val() != 1 {
						t.Error("the first attempt has not set the key")
					}
				})
				b.set(func(n *network) { n.delay = 2 * time.Millisecond })
				time.AfterFunc(away, func() {
					if taken {
						b.store.Set(context.Background(), key, "server-b:1", ttl)
					}
					b.set(func(n *network) { n.fail, n.delay = nil, 0 })
				})
				lease, err := b.locker.Obtain(t.Context(), key)
				if taken {
					if !errors.Is(err, billing.ErrHeld) {
						t.Errorf("got %v, want ErrHeld", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if left := b.store.PTTL(t.Context(), key).Val(); left < ttl-5*time.Millisecond {
					t.Errorf("the key has %v left, want its full TTL", left)
				}
				if _, err := b.locker.Obtain(t.Context(), key); !errors.Is(err, billing.ErrHeld) {
					t.Errorf("a second obtain: %v, want ErrHeld", err)
				}
				if err := lease.Release(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A key that was not deleted would block the invoice for its TTL, with nobody billing it.
func TestAReleaseOutlastsAFailover(t *testing.T) {
	t.Parallel()
	for name, disturb := range map[string]func(*network){
		"Redis is away":      func(n *network) { n.fail = reply("READONLY You can't write.") },
		"the answer is lost": func(n *network) { n.lose = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, b *bench) {
				lease := b.obtain(t, key)
				b.set(disturb)
				time.AfterFunc(5*time.Second, func() { b.set(func(n *network) { n.fail = nil }) })
				if err := lease.Release(t.Context()); err != nil {
					t.Error(err)
				}
				if n := b.store.Exists(t.Context(), key).Val(); n != 0 {
					t.Error("the key is still there")
				}
			})
		})
	}
}

// Once the key may have expired, there is nothing to release.
func TestAReleaseEndsWithTheValidity(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		lease := b.obtain(t, key)
		b.set(func(n *network) { n.fail = reply("READONLY You can't write.") })
		pass(ttl - 5*time.Second)
		start := time.Now()
		if err := lease.Release(t.Context()); err == nil {
			t.Error("want an error")
		}
		expectTime(t, "the release", start, validity-(ttl-5*time.Second))
	})
}

func TestALostLeaseSaysWhy(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		disturb func(b *bench)
		want    string
	}{
		"a right is revoked": {func(b *bench) {
			b.set(func(n *network) { n.fail = reply("NOPERM User worker has no permissions") })
		}, "NOPERM"},
		"Redis is away": {func(b *bench) { b.set(func(n *network) { n.cut = true }) }, "EOF"},
		"its key is gone": {func(b *bench) {
			b.store.Del(context.Background(), key)
		}, "the key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, b *bench) {
				b.obtain(t, key)
				test.disturb(b)
				pass(ttl)
				events := b.takeEvents()
				if len(events) != 1 || events[0].Kind != redislock.Lost || events[0].Err == nil ||
					!strings.Contains(events[0].Err.Error(), test.want) {
					t.Errorf("events %+v, want a loss because of %s", events, test.want)
				}
			})
		})
	}
}
