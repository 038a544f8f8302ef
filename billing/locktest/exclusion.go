package locktest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"example.com/triplecharge/billing"
)

// key is the lease that the servers compete for.
const key = "lock:billing:alice:2026-12"

func oneHolder(t testing.TB, f Fixture) {
	const callers, servers = 100, 10
	lockers := make([]billing.Locker, servers)
	for i := range lockers {
		lockers[i] = server(t, f, fmt.Sprintf("server-%d", i))
	}
	results := make(chan error, callers)
	start := make(chan struct{})
	for i := range callers {
		go func() {
			<-start
			_, err := lockers[i%servers].Obtain(context.Background(), key)
			results <- err
		}()
	}
	close(start)
	holders := 0
	for range callers {
		switch err := <-results; {
		case err == nil:
			holders++
		case !errors.Is(err, billing.ErrHeld):
			t.Errorf("a caller that was too late got %v, want ErrHeld", err)
		}
	}
	if holders != 1 {
		t.Errorf("%d of %d callers hold the lease, want 1", holders, callers)
	}
}

func keysAreIndependent(t testing.TB, f Fixture) {
	a := server(t, f, "server-a")
	obtain(t, a, key)
	if _, err := a.Obtain(context.Background(), key+":other"); err != nil {
		t.Errorf("another key, while this one is held: %v", err)
	}
}

func releaseMakesWay(t testing.TB, f Fixture) {
	a, b := server(t, f, "server-a"), server(t, f, "server-b")
	lease := obtain(t, a, key)
	refuse(t, b)
	refuse(t, a) // a second caller on one server competes, too
	release(t, lease)
	release(t, obtain(t, b, key))
	obtain(t, a, key)
}

func releasedIsOver(t testing.TB, f Fixture) {
	lease := obtain(t, server(t, f, "server-a"), key)
	release(t, lease)
	wantInvalid(t, lease, "after its release")
	for range steps(f.TTL) {
		if f.Held(key) {
			t.Fatalf("the key is back after the release")
		}
	}
}

func lateRelease(t testing.TB, f Fixture) {
	a, b, c := server(t, f, "server-a"), server(t, f, "server-b"), server(t, f, "server-c")
	late := obtain(t, a, key)
	f.Expire(key)
	next := obtain(t, b, key)
	_ = late.Release(context.Background()) // an error is allowed: the lease was lost
	refuse(t, c)
	wantValid(t, next, "after another server's late release")
}

func ttlRefused(t testing.TB, f Fixture) {
	for _, ttl := range []time.Duration{
		-f.TTL, 0, 1, time.Microsecond, time.Millisecond, f.TTL + time.Millisecond/2,
	} {
		if _, err := f.New("server-a", ttl, time.Now); err == nil {
			t.Errorf("a TTL of %v was accepted", ttl)
		}
	}
}
