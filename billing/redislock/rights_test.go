package redislock_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
)

// lockerOf returns a locker of the Redis user "worker", who has these rights.
func lockerOf(t *testing.T, port string, o redislock.Options, rights ...any) *redislock.Locker {
	t.Helper()
	setUser(t, port, rights...)
	client := open(t, "redis://worker:pw@127.0.0.1:"+port+patient)
	return newLockerWith(t, client, o)
}

func setUser(t *testing.T, port string, rights ...any) {
	t.Helper()
	command := append([]any{"acl", "setuser", "worker", "reset", "on", ">pw"}, rights...)
	if err := open(t, "redis://127.0.0.1:"+port).Do(t.Context(), command...).Err(); err != nil {
		t.Fatal(err)
	}
}

// A lease that could not be renewed or released is not granted, and leaves no key.
func TestALeaseThatCouldNotBeRenewedOrReleasedIsNotGranted(t *testing.T) {
	t.Parallel()
	port := startRedis(t)
	store := open(t, "redis://127.0.0.1:"+port)
	for _, rights := range []string{
		"+@all -@scripting ~lock:*", "+@all -eval ~lock:*", "+@all -del ~lock:*",
		"+@all -pexpire ~lock:*", "+@all -set ~lock:*", "+@all -get ~lock:*", "+@read ~lock:*",
		"+@all ~other:*", "+@all %R~lock:*", "+@all %W~lock:*", "-@all ~*",
	} {
		o := redislock.Options{TTL: time.Minute}
		o.Observe = func(e redislock.Event) { t.Errorf("%s: event %+v", rights, e) }
		var words []any
		for _, word := range strings.Fields(rights) {
			words = append(words, word)
		}
		_, err := lockerOf(t, port, o, words...).Obtain(t.Context(), key)
		if !errors.Is(err, billing.ErrUnavailable) || !strings.Contains(err.Error(), "+eval") {
			t.Errorf("%s: got %v, want an error that says what to grant", rights, err)
		}
		if n := store.Exists(t.Context(), key).Val(); n != 0 {
			t.Errorf("%s: left the key", rights)
			store.Del(t.Context(), key)
		}
	}
}

func TestTheRightsThatTheErrorNamesSuffice(t *testing.T) {
	t.Parallel()
	port := startRedis(t)
	locker := lockerOf(t, port, redislock.Options{TTL: 2 * time.Second},
		"+get", "+set", "+pexpire", "+del", "+eval", "+evalsha", "~lock:*")
	for range 3 { // by the script that proves the rights, and without
		lease, err := locker.Obtain(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if err := lease.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		lease, _, err = locker.ObtainFenced(t.Context(), key, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := lease.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// EVAL can do what EVALSHA does.
func TestALeaseIsReleasedWithoutTheRightToEVALSHA(t *testing.T) {
	t.Parallel()
	locker := lockerOf(t, startRedis(t), redislock.Options{TTL: time.Minute},
		"+@all", "-evalsha", "~lock:*")
	for range 3 {
		lease, err := locker.Obtain(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if err := lease.Release(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// A right that is revoked while leases are held is noticed at the next renewal or release. After
// that, no lease is granted until the right is back.
func TestARevokedRightIsNoticed(t *testing.T) {
	t.Parallel()
	port := startRedis(t)
	lost := make(chan redislock.Event, 1)
	locker := lockerOf(t, port, redislock.Options{
		TTL: time.Second, Observe: func(e redislock.Event) {
			if e.Kind == redislock.Lost {
				lost <- e
			}
		},
	}, "+@all", "~lock:*")
	warmUpKey(t, locker, "lock:warm")
	lease, err := locker.Obtain(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	setUser(t, port, "+@all", "-@scripting", "~lock:*")
	if e := <-lost; e.Err == nil || !strings.Contains(e.Err.Error(), "NOPERM") {
		t.Errorf("lost because of %v, want the reason", e.Err)
	}
	if err := lease.Valid(); !errors.Is(err, billing.ErrLeaseLost) {
		t.Errorf("got %v, want ErrLeaseLost", err)
	}
	if _, err = locker.Obtain(t.Context(), key+":2"); !errors.Is(err, billing.ErrUnavailable) {
		t.Errorf("got %v, want no further lease", err)
	}
	setUser(t, port, "+@all", "~lock:*")
	if _, err := locker.Obtain(t.Context(), key+":2"); err != nil {
		t.Errorf("with the right again: %v", err)
	}
}

// The new primary knows this user, but not that it may run scripts. No command has failed: the old
// connection was closed while it was idle.
func TestRightsAreProvenOnNewConnections(t *testing.T) {
	t.Parallel()
	old, next := startRedis(t), startRedis(t)
	setUser(t, old, "+@all", "~lock:*")
	setUser(t, next, "+@all", "-@scripting", "~lock:*")
	p := newProxy(t, "redis://127.0.0.1:"+old, nil)
	locker := newLockerWith(t, open(t, "redis://worker:pw@"+p.Addr()+patient),
		redislock.Options{TTL: time.Minute})
	warmUpKey(t, locker, "lock:warm")
	if err := p.Redirect("redis://127.0.0.1:" + next); err != nil {
		t.Fatal(err)
	}
	_, err := locker.Obtain(t.Context(), key)
	if !errors.Is(err, billing.ErrUnavailable) || !strings.Contains(err.Error(), "NOPERM") {
		t.Errorf("got %v, want no lease that can't be renewed", err)
	}
}

func TestAQuorumOfNodesMustLetALeaseBeRenewed(t *testing.T) {
	t.Parallel()
	var clients []redislock.Client
	for _, rights := range [][]any{
		{"+@all", "-pexpire", "~lock:*"}, {"+@all", "~lock:*"}, {"+@all", "-@scripting", "~lock:*"},
	} {
		port := startRedis(t)
		setUser(t, port, rights...)
		clients = append(clients, open(t, "redis://worker:pw@127.0.0.1:"+port+patient))
	}
	_, err := newQuorum(t, clients).Obtain(context.Background(), key)
	if !errors.Is(err, billing.ErrUnavailable) || !strings.Contains(err.Error(), "+eval") {
		t.Errorf("got %v, want an error that says what to grant", err)
	}
}
