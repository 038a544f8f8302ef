package locktest

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"example.com/triplecharge/billing"
)

// server returns the lock of a server whose clock runs at the right rate.
func server(t testing.TB, f Fixture, name string) billing.Locker {
	t.Helper()
	return clocked(t, f, name, time.Now)
}

func clocked(t testing.TB, f Fixture, name string, now func() time.Time) billing.Locker {
	t.Helper()
	locker, err := f.New(name, f.TTL, now)
	if err != nil {
		t.Fatalf("a lock with a TTL of %v: %v", f.TTL, err)
	}
	return locker
}

// clock returns a clock that runs at the given rate; 1 is right.
func clock(rate float64) func() time.Time {
	start := time.Now()
	return func() time.Time {
		return start.Add(time.Duration(float64(time.Since(start)) * rate))
	}
}

// steps returns a loop of twenty rounds, evenly spread over d.
func steps(d time.Duration) iter.Seq[int] {
	const n = 20
	return func(yield func(int) bool) {
		for i := range n {
			<-time.After(d / n)
			if !yield(i) {
				return
			}
		}
	}
}

func obtain(t testing.TB, l billing.Locker, key string) billing.Lease {
	t.Helper()
	lease, err := l.Obtain(context.Background(), key)
	if err != nil {
		t.Fatalf("obtain: %v", err)
	}
	return lease
}

// refuse expects another server to hold the lease.
func refuse(t testing.TB, l billing.Locker) {
	t.Helper()
	if _, err := l.Obtain(context.Background(), key); !errors.Is(err, billing.ErrHeld) {
		t.Fatalf("obtain of a lease that is held: %v, want ErrHeld", err)
	}
}

func release(t testing.TB, l billing.Lease) {
	t.Helper()
	if err := l.Release(context.Background()); err != nil {
		t.Errorf("release: %v", err)
	}
}

func wantValid(t testing.TB, l billing.Lease, when string) {
	t.Helper()
	if err := l.Valid(); err != nil {
		t.Fatalf("the lease is not valid %s: %v", when, err)
	}
}

func wantInvalid(t testing.TB, l billing.Lease, when string) {
	t.Helper()
	if err := l.Valid(); !errors.Is(err, billing.ErrLeaseLost) {
		t.Errorf("the lease is valid %s: %v, want ErrLeaseLost", when, err)
	}
}
