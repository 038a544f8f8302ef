package locktest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"example.com/triplecharge/billing"
)

// Laws returns what every lock must do.
func Laws() []Law {
	return []Law{
		{"one holder among 100 callers", oneHolder},
		{"keys don't hold each other up", keysAreIndependent},
		{"a release makes way at once", releaseMakesWay},
		{"a released lease is over", releasedIsOver},
		{"a release after expiry leaves the next holder alone", lateRelease},
		{"TTLs that can't be kept are refused", ttlRefused},
		{"a held lease is renewed past its TTL", renewedPastTTL},
		{"a renewal that fails is tried again", renewalTriedAgain},
		{"a renewal never revives a lost lease", renewalRevivesNothing},
		{"a renewal leaves the next holder alone", lateRenewal},
		{"trust ends before the key can be another's", trustEndsFirst},
		{"trust counts from before the request", trustCountsFromBefore},
		{"a lost lease stays lost", lostStaysLost},
		{"an ambiguous obtain doesn't lock out its own retry", ambiguousObtain},
		{"an ambiguous obtain takes nothing from the next holder", lateRetry},
		{"an obtain without an answer leaks nothing", abandonedObtain},
	}
}

// key is the lease that the laws fight for.
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
			t.Errorf("a caller that came too late got %v, want ErrHeld", err)
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
	refuse(t, a) // a server's second caller is another caller
	release(t, lease)
	release(t, obtain(t, b, key))
	obtain(t, a, key)
}

func releasedIsOver(t testing.TB, f Fixture) {
	lease := obtain(t, server(t, f, "server-a"), key)
	release(t, lease)
	untrusted(t, lease, "after its release")
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
	_ = late.Release(context.Background()) // an error is welcome, as the lease was lost
	refuse(t, c)
	trusted(t, next, "after the late release of another")
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

func renewedPastTTL(t testing.TB, f Fixture) {
	a, b := server(t, f, "server-a"), server(t, f, "server-b")
	lease := obtain(t, a, key)
	for range steps(f.TTL * 3 / 2) {
		trusted(t, lease, "while it is held")
		refuse(t, b)
	}
	release(t, lease)
}

func renewalTriedAgain(t testing.TB, f Fixture) {
	if f.LoseAnswers == nil {
		t.Skip("the fixture can't lose answers")
	}
	lease := obtain(t, server(t, f, "server-a"), key)
	f.LoseAnswers("server-a", 1)
	for range steps(f.TTL * 3 / 2) {
		trusted(t, lease, "though one renewal failed")
	}
}

func renewalRevivesNothing(t testing.TB, f Fixture) {
	a, b := server(t, f, "server-a"), server(t, f, "server-b")
	lease := obtain(t, a, key)
	f.Expire(key)
	for range steps(f.TTL) {
		if f.Held(key) {
			t.Fatalf("the key is back, though its lease was lost")
		}
	}
	untrusted(t, lease, "a TTL after its key is gone")
	obtain(t, b, key)
}

func lateRenewal(t testing.TB, f Fixture) {
	a, b, c := server(t, f, "server-a"), server(t, f, "server-b"), server(t, f, "server-c")
	lost := obtain(t, a, key)
	f.Expire(key)
	next := obtain(t, b, key)
	for range steps(f.TTL) {
		trusted(t, next, "while another renews a lease it has lost")
	}
	untrusted(t, lost, "a TTL after it was lost")
	refuse(t, c)
}
