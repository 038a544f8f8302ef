// Package locktest is a contract suite for locks: what a billing.Locker must do for the modes that
// rely on it to hold.
//
//	func TestLock(t *testing.T) {
//		locktest.Run(t, func(t *testing.T) locktest.Fixture { … })
//	}
//
// The laws wait for TTLs to pass, in real time. Check a lock that is all in memory, or whose
// requests are quick, in a synctest bubble, where waiting costs nothing and a busy machine changes
// nothing:
//
//	for _, law := range locktest.Laws() {
//		t.Run(law.Name, func(t *testing.T) {
//			synctest.Test(t, func(t *testing.T) { law.Check(t, fixture(t)) })
//		})
//	}
package locktest

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/triplecharge/billing"
)

// Fixture is a lock to check: several servers that share one store. The optional fields may be nil;
// laws that need them are then skipped.
type Fixture struct {
	// TTL is that of the leases. In real time it must be seconds, for a busy machine to renew in
	// time.
	TTL time.Duration

	// New returns the lock of the named server, or an error if it can't keep leases of this TTL.
	// The server's clock is now: the validity of its leases ends by it. The store's is time.Now.
	New func(server string, ttl time.Duration, now func() time.Time) (billing.Locker, error)

	// Expire ends the key's lease in the store, if there is one, as its TTL would.
	Expire func(key string)

	// Held reports whether the store has a lease of the key.
	Held func(key string) bool

	// Cut cuts the server off: its later requests fail and don't reach the store. Answers on their
	// way still arrive. Optional.
	Cut func(server string)

	// LoseAnswers loses the answers to the server's next n requests: the store executes them, and
	// they fail all the same. It replaces what is left of an earlier n. Optional.
	LoseAnswers func(server string, n int)

	// DelayAnswers delays the answer to each of the server's requests by d. Optional.
	DelayAnswers func(server string, d time.Duration)
}

// Law is one thing that every lock must do.
type Law struct {
	Name  string
	Check func(testing.TB, Fixture)
}

// Run checks every law, each in a parallel subtest with its own fixture.
func Run(t *testing.T, fixture func(*testing.T) Fixture) {
	for _, law := range Laws() {
		t.Run(law.Name, func(t *testing.T) {
			t.Parallel()
			law.Check(t, fixture(t))
		})
	}
}

// Broken checks the law and returns what is wrong with the lock, "" if nothing is: use it to show
// that a lock is not good enough. It doesn't fail the test. A law that the fixture lacks the
// optional functions for isn't broken.
func (l Law) Broken(t testing.TB, f Fixture) string {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.Check(r, f)
	}()
	<-done
	return strings.Join(r.errors, "\n")
}

// recorder is a testing.TB that keeps failures instead of failing the test. A law reports from one
// goroutine.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Skip(...any) { runtime.Goexit() }

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
		{"validity ends before the key can be another's", validityEndsFirst},
		{"validity counts from before the request", validityCountsFromBefore},
		{"a lost lease stays lost", lostStaysLost},
		{"an ambiguous obtain doesn't lock out its own retry", ambiguousObtain},
		{"an ambiguous obtain takes nothing from the next holder", lateRetry},
		{"an obtain without an answer leaks nothing", abandonedObtain},
	}
}
