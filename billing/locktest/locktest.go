// Package locktest is the suite that any lock can be held to: what a billing.Locker must do so that
// the modes that rely on it can be relied on.
//
//	func TestLock(t *testing.T) {
//		locktest.Run(t, func(t *testing.T) locktest.Fixture { … })
//	}
//
// The laws wait for TTLs to pass, in real time. A lock that is all in memory, or whose requests
// are quick, is better held to them in a synctest bubble, where waiting costs nothing and a busy
// machine changes nothing:
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

// Fixture is a lock to be held to a law: several servers that share one store. Those fields that
// say so may be nil; laws that need them are skipped then.
type Fixture struct {
	// TTL of the leases. In real time, long enough that a busy machine can still renew: seconds.
	TTL time.Duration

	// New returns the lock of the named server, or an error if it can't keep leases of this TTL.
	// The server's clock is now: its trust ends by it. The store's own clock is time.Now.
	New func(server string, ttl time.Duration, now func() time.Time) (billing.Locker, error)

	// Expire ends whatever lease of the key there is in the store, as its TTL would.
	Expire func(key string)

	// Held reports whether there is a lease of the key in the store.
	Held func(key string) bool

	// Cut cuts the server off: from now on its requests fail and don't reach the store. Answers
	// that are on their way still come. Optional.
	Cut func(server string)

	// LoseAnswers makes the server's next n requests reach the store, which carries them out, and
	// fail all the same: the answers are lost. It replaces what was left of an earlier n. Optional.
	LoseAnswers func(server string, n int)

	// DelayAnswers makes the answer to each request of the server come this much later. Optional.
	DelayAnswers func(server string, d time.Duration)
}

// Law is one thing that every lock must do.
type Law struct {
	Name  string
	Check func(testing.TB, Fixture)
}

// Run holds a lock to every law, each in a parallel subtest with a fixture of its own.
func Run(t *testing.T, fixture func(*testing.T) Fixture) {
	for _, law := range Laws() {
		t.Run(law.Name, func(t *testing.T) {
			t.Parallel()
			law.Check(t, fixture(t))
		})
	}
}

// Broken checks the law and returns what is wrong with the lock, "" if nothing is: for those who
// want to show that a lock is not good enough. It doesn't fail the test. A law that the fixture is
// too poor for isn't broken.
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

// recorder is a testing.TB that remembers failures in place of the test's. A law reports from one
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
