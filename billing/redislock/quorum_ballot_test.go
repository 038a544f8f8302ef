package redislock_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/triplecharge/billing"
)

// Several servers ask at once and none gets a quorum. One of them must get the lease in the end, or
// all would skip the invoice.
func TestQuorumSplit(t *testing.T) {
	t.Parallel()
	onQuorumBench(t, func(t *testing.T, b *quorumBench) {
		b.hold(t, "server-b:1", 20*time.Millisecond, 0, 1)
		b.hold(t, "server-c:1", 20*time.Millisecond, 2)
		b.change(func(n *network) { n.delay = 5 * time.Second }, 3, 4)
		start := time.Now()
		b.obtain(t, key)
		if took := time.Since(start); took > time.Second {
			t.Errorf("it took %v: want no waiting for nodes that can't help", took)
		}
		b.expectOn(t, 5, "when it is obtained")
	})
}

func TestQuorumSplitForGood(t *testing.T) {
	t.Parallel()
	onQuorumBench(t, func(t *testing.T, b *quorumBench) {
		b.hold(t, "server-b:1", ttl, 0, 1)
		b.hold(t, "server-c:1", ttl, 2)
		start := time.Now()
		if _, err := b.lock.Obtain(context.Background(), key); !errors.Is(err, billing.ErrHeld) {
			t.Errorf("error %v, want ErrHeld", err)
		}
		if took := time.Since(start); took < 50*time.Millisecond || took > 1023*time.Millisecond {
			t.Errorf("it took %v, want ten random pauses of up to 1, 2, 4 … 512 ms", took)
		}
		b.expectOn(t, 3, "after it was given up")

		const soon = 20 * time.Millisecond
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		defer cancel()
		start = time.Now()
		if _, err := b.lock.Obtain(ctx, key); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after the time-out: %v, want the context's error", err)
		}
		expectTime(t, "an obtain with a time-out", start, soon)
	})
}

// A lost answer counts neither for the lease nor against it, and the key it may have set is
// released.
func TestQuorumLostAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lost, cut []int
		obtained  bool
	}{
		"two":                         {lost: []int{1, 2}, obtained: true},
		"two, and one that isn't set": {lost: []int{1, 2}, cut: []int{0}},
		"three":                       {lost: []int{1, 2, 3}},
		"all":                         {lost: []int{0, 1, 2, 3, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onQuorumBench(t, func(t *testing.T, b *quorumBench) {
				b.change(func(n *network) { n.lose = 1 }, test.lost...)
				b.change(func(n *network) { n.cut = true }, test.cut...)
				lease, err := b.lock.Obtain(context.Background(), key)
				if obtained := err == nil; obtained != test.obtained {
					t.Fatalf("error %v", err)
				}
				if errors.Is(err, billing.ErrHeld) {
					t.Errorf("error %v: nobody holds it", err)
				}
				if err == nil {
					b.expectOn(t, 5, "when it is obtained")
					if err := lease.Release(context.Background()); err != nil {
						t.Error(err)
					}
				} else if left := b.with(key); left > 2 {
					t.Errorf("the failed obtain still holds the key on %d nodes", left)
				}
				b.expectOn(t, 0, "in the end")
			})
		})
	}
}

// With two nodes for the lease, two against and one answer lost, nothing is decided: ask again.
func TestQuorumAsksAgain(t *testing.T) {
	t.Parallel()
	onQuorumBench(t, func(t *testing.T, b *quorumBench) {
		b.hold(t, "server-b:1", ttl, 0, 1)
		b.change(func(n *network) { n.lose = 1 }, 2)
		lease := b.obtain(t, key)
		if err := lease.Release(context.Background()); err != nil {
			t.Error(err)
		}
		b.expectOn(t, 2, "when it is released")
	})
}

// A node that refuses one key with an error is still asked about others.
func TestQuorumErrorsAreAnswers(t *testing.T) {
	t.Parallel()
	onQuorumBench(t, func(t *testing.T, b *quorumBench) {
		for _, store := range b.stores {
			if err := store.LPush(context.Background(), key, "not a lease").Err(); err != nil {
				t.Fatal(err)
			}
		}
		_, err := b.lock.Obtain(context.Background(), key)
		if _, ok := errors.AsType[redis.Error](err); !ok || errors.Is(err, billing.ErrHeld) {
			t.Errorf("error %v, want Redis' own", err)
		}
		b.obtain(t, "another")
		// A node may not have been asked at all if a quorum of others was faster.
		asked := 0
		for _, network := range b.networks {
			sent := network.sentSoFar()
			asked += len(sent)
			if len(sent) > 2 { // nothing was set, so there is no release
				t.Errorf("sent %q, want at most both obtains", sent)
			}
		}
		if asked < 2*3 {
			t.Errorf("%d requests, want each obtain on a quorum", asked)
		}
	})
}
