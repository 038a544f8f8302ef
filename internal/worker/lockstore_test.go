package worker

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
	"example.com/triplecharge/internal/cli"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/internal/verdict"
)

// Staging must not stop production: on one Redis, each would find its invoices locked by the other.
func TestASecondLedgerOnOneRedisIsRefused(t *testing.T) {
	t.Parallel()
	production, staging := setup(t, onlyAlice()), setup(t, onlyAlice())
	staging.redis = production.redis
	for _, mode := range []string{"naive-lock", "locked", "fenced"} {
		start(t, production.config("server-a", mode))
		c := staging.config("server-a", mode)
		err := runWith(t.Context(), c, Secrets{Token: testToken}, newEventLog(), unchanged)
		if !errors.Is(err, cli.ErrUsage) || !errors.Is(err, redislock.ErrOtherLedger) {
			t.Errorf("%s: got %v, want it refused", mode, err)
		}
		for _, said := range []string{
			"--redis-url", "--lock-prefix", "DEL lock:ledger",
			production.store.ID(), staging.store.ID(),
		} {
			if !strings.Contains(err.Error(), said) {
				t.Errorf("%s: got %v, want %q in it", mode, err, said)
			}
		}
	}
	// With a prefix of its own it bills, while production holds the lease of the same name.
	owner := client(t, production.redis)
	key := invoiceOf(production, "alice").LockKey()
	must(t, owner.Set(t.Context(), key, "production", time.Minute).Err())
	c := staging.config("server-a", "locked")
	c.LockPrefix = "staging:"
	if got := start(t, c).run(); got.Billed != 1 {
		t.Errorf("got %+v, want one billed", got)
	}
	staging.want("alice", verdict.Counts{Charges: 1, Entries: 1})
}

// A Redis that was down when the server started, and one that restarted empty, are asked again.
func TestTheLockStoreIsAskedAgain(t *testing.T) {
	t.Parallel()
	url := servicetest.Redis(t)
	store := client(t, url)
	locker := &granting{}
	o := &ownedLocker{
		Locker: locker, nodes: []redislock.Client{store}, flag: "--redis-url", prefix: "p:",
	}
	down := client(t, "redis://127.0.0.1:1")
	o.nodes[0] = down
	must(t, o.start(t.Context(), "led_a"))
	if _, err := o.Obtain(t.Context(), "k"); !errors.Is(err, billing.ErrUnavailable) {
		t.Errorf("got %v, want the lock store unavailable", err)
	}
	o.nodes[0] = store
	key := "p:" + redislock.OwnKey
	owner := func() string { return store.Get(t.Context(), key).Val() }
	for range 2 {
		_, err := o.Obtain(t.Context(), "k")
		must(t, err)
		if owner() != "led_a" {
			t.Errorf("the locks are %q's, want led_a's", owner())
		}
		must(t, store.FlushDB(t.Context()).Err())
		o.asked = o.asked.Add(-ownedFor)
	}
	must(t, store.Set(t.Context(), key, "led_b", 0).Err())
	granted := locker.granted
	_, err := o.Obtain(t.Context(), "k")
	if !errors.Is(err, redislock.ErrOtherLedger) || locker.granted != granted {
		t.Errorf("got %v and %d leases, want none from another ledger's store", err, locker.granted)
	}
}

func client(t *testing.T, url string) redislock.Client {
	t.Helper()
	c, err := redislock.Open(url)
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// granting grants every lease.
type granting struct{ granted int }

func (g *granting) Obtain(context.Context, string) (billing.Lease, error) {
	g.granted++
	return nil, nil
}

func invoiceOf(w *world, id string) billing.Invoice {
	w.t.Helper()
	p, err := billing.ParsePeriod("2026-12")
	must(w.t, err)
	page, err := w.store.Due(w.t.Context(), p, "", 10)
	must(w.t, err)
	for _, inv := range page {
		if inv.Subscription.ID == id {
			return inv
		}
	}
	w.t.Fatalf("no subscription %s", id)
	return billing.Invoice{}
}
