package locktest

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/triplecharge/billing"
)

// drift is the slowest that a server's clock may run, relative to the store's.
const drift = 0.99

func validityEndsFirst(t testing.TB, f Fixture) {
	if f.Cut == nil {
		t.Skip("the fixture can't cut a server off")
	}
	a, b := clocked(t, f, "server-a", clock(drift)), server(t, f, "server-b")
	lease := obtain(t, a, key)
	f.Cut("server-a")
	invalidOnceObtained(t, f, b, lease)
}

func validityCountsFromBefore(t testing.TB, f Fixture) {
	if f.Cut == nil || f.DelayAnswers == nil {
		t.Skip("the fixture can't delay answers and cut a server off")
	}
	a, b := server(t, f, "server-a"), server(t, f, "server-b")
	f.DelayAnswers("server-a", f.TTL/2)
	time.AfterFunc(f.TTL/4, func() { f.Cut("server-a") }) // before it can renew
	lease := obtain(t, a, key)
	invalidOnceObtained(t, f, b, lease)
}

// invalidOnceObtained asks for the key until b gets it, and expects the old lease to be invalid
// then. It asks 1000 times a TTL: the margin in which the old lease is invalid already is longer.
func invalidOnceObtained(t testing.TB, f Fixture, b billing.Locker, old billing.Lease) {
	t.Helper()
	for start := time.Now(); time.Since(start) < 2*f.TTL; <-time.After(f.TTL / 1000) {
		switch _, err := b.Obtain(context.Background(), key); {
		case err == nil:
			wantInvalid(t, old, "although another server has its key")
			return
		case !errors.Is(err, billing.ErrHeld):
			t.Fatalf("obtain: %v", err)
		}
	}
	t.Errorf("a server that is cut off still holds its lease after two TTLs")
}

func lostStaysLost(t testing.TB, f Fixture) {
	// By a clock that runs four times too fast, validity ends before the first renewal is due,
	// while the key still has its token. Redis would accept that renewal.
	lease := obtain(t, clocked(t, f, "server-a", clock(4)), key)
	lost := false
	for range steps(f.TTL) {
		err := lease.Valid()
		if lost && err == nil {
			t.Fatalf("a lost lease is valid again")
		}
		lost = lost || err != nil
	}
	if !lost {
		t.Errorf("the lease is valid after four TTLs by its server's clock")
	}
}
