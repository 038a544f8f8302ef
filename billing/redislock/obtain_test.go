package redislock_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
)

func TestTokenNamesTheServerAndIsNeverTheSame(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		ctx := context.Background()
		tokens := map[string]bool{}
		for range 100 {
			lease := b.obtain(t, key)
			token := b.store.Get(ctx, key).Val()
			if !strings.HasPrefix(token, "server-a:") || len(token) < len("server-a:")+26 {
				t.Fatalf("token %q, want the server and 128 bits in base32", token)
			}
			tokens[token] = true
			if left := b.store.PTTL(ctx, key).Val(); left != ttl {
				t.Errorf("TTL in Redis is %v, want %v", left, ttl)
			}
			if err := lease.Release(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if len(tokens) != 100 {
			t.Errorf("%d different tokens of 100 leases", len(tokens))
		}
	})
}

// The retry gives the key its full TTL again, so validity counts from the retry.
func TestValidityCountsFromTheRetry(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		const timeout = 10 * time.Second
		b.set(func(n *network) { n.lose, n.delay = 1, timeout })
		time.AfterFunc(timeout+time.Second, func() {
			b.set(func(n *network) { n.cut = true }) // the retry has arrived; no renewal will
		})
		lease := b.obtain(t, key) // after both time-outs
		pass(validity - timeout - 1)
		if err := lease.Valid(); err != nil {
			t.Errorf("just before the end: %v", err)
		}
		if left := b.store.PTTL(context.Background(), key).Val(); left < ttl-validity {
			t.Errorf("the key has %v left when the validity ends", left)
		}
		pass(1)
		if err := lease.Valid(); !errors.Is(err, billing.ErrLeaseLost) {
			t.Errorf("at the end: %v, want ErrLeaseLost", err)
		}
	})
}

func TestObtainWithoutAnAnswerGivesUp(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		b.set(func(n *network) { n.lose = 100 })
		start := time.Now()
		if _, err := b.locker.Obtain(t.Context(), key); !errors.Is(err, billing.ErrUnavailable) {
			t.Errorf("error %v, want ErrUnavailable", err)
		}
		expectTime(t, "the patience", start, redislock.DefaultPatience)
		// Attempts, and the deletion of the key that they may have set.
		sent := b.sentSoFar()
		want := append([]string{"set"}, slices.Repeat([]string{"eval"}, len(sent)-1)...)
		if len(sent) < 10 || !slices.Equal(sent, want) {
			t.Errorf("sent %q", sent)
		}
		if n := b.store.Exists(t.Context(), key).Val(); n != 0 {
			t.Errorf("the key that was set is still there")
		}
	})
}

// A caller that gives up waits for no further attempt, and leaves no key.
func TestObtainThatIsCalledOff(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		time.AfterFunc(2*time.Second, func() { b.set(func(n *network) { n.delay = 0 }) })
		b.set(func(n *network) { n.delay = time.Minute })
		_, err := b.locker.Obtain(ctx, key)
		if err == nil || errors.Is(err, billing.ErrHeld) || errors.Is(err, billing.ErrUnavailable) {
			t.Errorf("error %v, want neither ErrHeld nor ErrUnavailable", err)
		}
		b.expectSent(t, "set", "eval")
		if n := b.store.Exists(context.Background(), key).Val(); n != 0 {
			t.Errorf("the key that was set is still there")
		}
	})
}

func TestRefusalIsAnAnswer(t *testing.T) {
	t.Parallel()
	mini := miniRedis(t)
	n := &network{}
	client := open(t, "redis://"+mini.Addr()+patient)
	client.AddHook(n)
	locker := newLocker(t, client, ttl)
	warmUp(t, locker)
	n.sentSoFar()

	mini.SetError("ERR syntax error")
	_, err := locker.Obtain(context.Background(), key)
	if !redis.HasErrorPrefix(err, "syntax error") || !errors.Is(err, billing.ErrUnavailable) {
		t.Errorf("error %v, want Redis' own, as ErrUnavailable", err)
	}
	n.expectSent(t, "set")
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	n := &network{}
	client := open(t, "redis://"+listener.Addr().String())
	client.AddHook(n)
	locker := newLockerWith(t, client, redislock.Options{TTL: ttl, Patience: -1})
	_, err = locker.Obtain(context.Background(), key)
	if !errors.Is(err, billing.ErrUnavailable) || errors.Is(err, billing.ErrHeld) {
		t.Errorf("error %v, want ErrUnavailable", err)
	}
	n.expectSent(t, "eval") // once: if nothing was sent, no answer was lost
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	good := redislock.Options{Server: "server-a", TTL: ttl, Now: time.Now}
	if _, err := redislock.New(nil, good); err != nil {
		t.Errorf("good options: %v", err)
	}
	for name, spoil := range map[string]func(*redislock.Options){
		"no server":             func(o *redislock.Options) { o.Server = "" },
		"no clock":              func(o *redislock.Options) { o.Now = nil },
		"no TTL":                func(o *redislock.Options) { o.TTL = 0 },
		"a TTL under 50 ms":     func(o *redislock.Options) { o.TTL = 49 * time.Millisecond },
		"a TTL of half a ms":    func(o *redislock.Options) { o.TTL = ttl + time.Millisecond/2 },
		"a TTL that was a typo": func(o *redislock.Options) { o.TTL = 5 }, // ns
	} {
		o := good
		spoil(&o)
		if _, err := redislock.New(nil, o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// The number comes with the lease. It rises with each lease, also after Redis has lost its data,
// since the ledger's highest is the floor; and no lost answer makes it fall.
func TestLeasesAreNumbered(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		ctx := context.Background()
		var last billing.Token
		obtain := func(floor billing.Token) billing.Lease {
			t.Helper()
			lease, token, err := b.locker.ObtainFenced(ctx, key, floor)
			if err != nil || token <= last || token <= floor {
				t.Fatalf("token %d after %d, above %d: %v", token, last, floor, err)
			}
			last = token
			return lease
		}
		first := obtain(0)
		if _, _, err := b.locker.ObtainFenced(ctx, key, 0); !errors.Is(err, billing.ErrHeld) {
			t.Errorf("got %v, want %v", err, billing.ErrHeld)
		}
		if err := errors.Join(first.Valid(), first.Release(ctx)); err != nil {
			t.Error(err)
		}
		b.set(func(n *network) { n.lose = 1 })
		must(t, obtain(0).Release(ctx))
		b.store.FlushAll(ctx)
		must(t, obtain(last).Release(ctx))
		must(t, obtain(1<<52).Release(ctx)) // a Lua number is exact up to 2^53
		must(t, obtain(0).Release(ctx))
	})
}
