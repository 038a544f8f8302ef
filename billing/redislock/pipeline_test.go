package redislock_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/triplecharge/billing"
)

// obtainAll asks for all keys at the same time, and returns the lease or error of each.
func (b *bench) obtainAll(keys []string) (leases []billing.Lease, errs []error) {
	leases, errs = make([]billing.Lease, len(keys)), make([]error, len(keys))
	var all sync.WaitGroup
	for i, key := range keys {
		all.Go(func() { leases[i], errs[i] = b.locker.Obtain(context.Background(), key) })
	}
	all.Wait()
	return leases, errs
}

// releaseAll releases all leases at the same time.
func releaseAll(t *testing.T, leases []billing.Lease) {
	t.Helper()
	var all sync.WaitGroup
	for _, lease := range leases {
		all.Go(func() {
			if err := lease.Release(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func manyKeys() (keys []string) {
	for i := range 100 {
		keys = append(keys, fmt.Sprintf("lock:billing:%03d:2026-12", i))
	}
	return keys
}

// left returns the keys in Redis, in order.
func (b *bench) left() []string {
	return slices.Sorted(slices.Values(b.store.Keys(context.Background(), "*").Val()))
}

// Obtains at the same time share pipelines, and each gets the answer about its own key.
func TestLeasesOfManyShareAFewPipelines(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		keys, held := manyKeys(), []string(nil)
		for i := 0; i < len(keys); i += 3 {
			held = append(held, keys[i])
			b.store.Set(context.Background(), keys[i], "server-b:token", 0)
		}
		b.set(func(n *network) { n.delay = time.Second })
		leases, errs := b.obtainAll(keys)
		b.expectFew(t, "set")
		for i, err := range errs {
			if want := slices.Contains(held, keys[i]); errors.Is(err, billing.ErrHeld) != want {
				t.Errorf("%s: %v, held %v", keys[i], err, want)
			}
		}
		leases = slices.DeleteFunc(leases, func(l billing.Lease) bool { return l == nil })
		if want := len(keys) - len(held); len(leases) != want {
			t.Fatalf("%d leases, want %d", len(leases), want)
		}
		releaseAll(t, leases)
		b.expectFew(t, "evalsha")
		if left := b.left(); !slices.Equal(left, held) {
			t.Errorf("left in Redis: %q, want the other server's %q", left, held)
		}
	})
}

// expectFew expects many of this command in few requests. Others may load its script.
func (b *bench) expectFew(t *testing.T, command string) {
	t.Helper()
	requests := b.sentSoFar()
	commands := strings.Count(strings.Join(requests, "+"), command)
	if commands < 60 || len(requests) > 12 {
		t.Errorf("%d times %s in %d requests, want many in few", commands, command, len(requests))
	}
}

// All keys of a pipeline are set and its answers are lost: each obtain finds its own key.
func TestAPipelineWhoseAnswersAreLostLocksNobodyOut(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		b.set(func(n *network) { n.delay, n.lose = time.Second, 5 })
		leases, errs := b.obtainAll(manyKeys())
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		for _, lease := range leases {
			if err := lease.Valid(); err != nil {
				t.Error(err)
			}
		}
		releaseAll(t, leases)
		if left := b.left(); len(left) > 0 {
			t.Errorf("left in Redis: %q", left)
		}
	})
}

// A caller that gives up in the middle of a pipeline leaves no key, and doesn't disturb the others
// in the pipeline.
func TestOneWhoGivesUpInAPipelineLeavesNothing(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		b.set(func(n *network) { n.delay = time.Second })
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		gaveUp := make(chan error)
		go func() {
			synctest.Wait() // the first are in flight
			_, err := b.locker.Obtain(ctx, "impatient")
			gaveUp <- err
		}()
		leases, errs := b.obtainAll(manyKeys())
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
		if err := <-gaveUp; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want that its time-out ended it", err)
		}
		pass(2 * time.Second)
		if left := b.left(); !slices.Equal(left, manyKeys()) {
			t.Errorf("left in Redis: %q", left)
		}
		releaseAll(t, leases)
	})
}
