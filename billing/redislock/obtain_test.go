package redislock_test

import (
	"context"
	"errors"
	"net"
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

// The retry gives the key its whole TTL again, so trust counts from it: no less, since the lease
// is good for that long, and no more.
func TestTrustOfARetryCountsFromIt(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		const timeout = 10 * time.Second
		b.set(func(n *network) { n.lose, n.delay = 1, timeout })
		time.AfterFunc(timeout+time.Second, func() {
			b.set(func(n *network) { n.cut = true }) // the retry is with Redis; no renewal will be
		})
		lease := b.obtain(t, key) // after both time-outs
		pass(trust - timeout - 1)
		if err := lease.Trusted(); err != nil {
			t.Errorf("just before the end: %v", err)
		}
		if left := b.store.PTTL(context.Background(), key).Val(); left < ttl-trust {
			t.Errorf("the key has %v left when trust ends", left)
		}
		pass(1)
		if err := lease.Trusted(); !errors.Is(err, billing.ErrLeaseLost) {
			t.Errorf("at the end: %v, want ErrLeaseLost", err)
		}
	})
}

func TestObtainWithoutAnAnswerGivesUp(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		b.set(func(n *network) { n.lose = 100 })
		_, err := b.locker.Obtain(context.Background(), key)
		if err == nil || errors.Is(err, billing.ErrHeld) {
			t.Errorf("error %v, want another than ErrHeld", err)
		}
		// Three attempts, and the deletion of what they may have left.
		b.expectSent(t, "set", "eval", "eval", "eval")
	})
}

// Whoever has stopped waiting isn't made to wait for further attempts, and leaves nothing.
func TestObtainThatIsCalledOff(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		time.AfterFunc(2*time.Second, func() { b.set(func(n *network) { n.delay = 0 }) })
		b.set(func(n *network) { n.delay = time.Minute })
		_, err := b.locker.Obtain(ctx, key)
		if err == nil || errors.Is(err, billing.ErrHeld) {
			t.Errorf("error %v, want another than ErrHeld", err)
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
	if _, err := locker.Obtain(context.Background(), "warm"); err != nil {
		t.Fatal(err)
	}
	n.sentSoFar()

	mini.SetError("LOADING Redis is loading the dataset in memory")
	_, err := locker.Obtain(context.Background(), key)
	if !redis.HasErrorPrefix(err, "LOADING") {
		t.Errorf("error %v, want Redis' own", err)
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
	if _, err := newLocker(t, client, ttl).Obtain(context.Background(), key); err == nil ||
		errors.Is(err, billing.ErrHeld) {
		t.Errorf("error %v, want one that says that Redis can't be reached", err)
	}
	n.expectSent(t, "set") // once: what wasn't sent can't be lost
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
