package locktest

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/triplecharge/billing"
)

// drift is how much slower than the store's a server's clock may run.
const drift = 0.99

func trustEndsFirst(t testing.TB, f Fixture) {
	if f.Cut == nil {
		t.Skip("the fixture can't cut a server off")
	}
	a, b := clocked(t, f, "server-a", clock(drift)), server(t, f, "server-b")
	lease := obtain(t, a, key)
	f.Cut("server-a")
	untrustedOnceObtained(t, f, b, lease)
}

func trustCountsFromBefore(t testing.TB, f Fixture) {
	if f.Cut == nil || f.DelayAnswers == nil {
		t.Skip("the fixture can't delay answers and cut a server off")
	}
	a, b := server(t, f, "server-a"), server(t, f, "server-b")
	f.DelayAnswers("server-a", f.TTL/2)
	time.AfterFunc(f.TTL/4, func() { f.Cut("server-a") }) // before it can renew
	lease := obtain(t, a, key)
	untrustedOnceObtained(t, f, b, lease)
}

// untrustedOnceObtained asks for the key until b gets it, and looks if the old lease still trusts
// itself then. It asks 1000 times a TTL: the part of the TTL that isn't trusted is longer.
func untrustedOnceObtained(t testing.TB, f Fixture, b billing.Locker, old billing.Lease) {
	t.Helper()
	for start := time.Now(); time.Since(start) < 2*f.TTL; <-time.After(f.TTL / 1000) {
		switch _, err := b.Obtain(context.Background(), key); {
		case err == nil:
			untrusted(t, old, "though its key is another's")
			return
		case !errors.Is(err, billing.ErrHeld):
			t.Fatalf("obtain: %v", err)
		}
	}
	t.Errorf("the lease of a server that is cut off still holds after two TTLs")
}

func lostStaysLost(t testing.TB, f Fixture) {
	// By a clock that runs four times too fast trust ends before the first renewal is due, while
	// the key still has its token. Redis would say yes to that renewal.
	lease := obtain(t, clocked(t, f, "server-a", clock(4)), key)
	lost := false
	for range steps(f.TTL) {
		err := lease.Trusted()
		if lost && err == nil {
			t.Fatalf("a lease that was lost is trusted again")
		}
		lost = lost || err != nil
	}
	if !lost {
		t.Errorf("the lease is trusted after four TTLs by its server's clock")
	}
}
