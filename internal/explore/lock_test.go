package explore

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/faults"
)

// A mode may choose any key for its lock. What the lock does depends on its kind only.
func TestAPrefixOfTheKeyChangesNothing(t *testing.T) {
	t.Parallel()
	for _, mode := range billing.Modes() {
		if mode.Lock == billing.NoLock {
			continue
		}
		prefixed := mode
		prefixed.New = func(p billing.Ports) billing.Biller {
			p.Locker = prefixLocker{p.Locker}
			return mode.New(p)
		}
		for _, o := range append(eachFault(mode), anyFault(mode)...) {
			if slices.Contains(o.Only, faults.MixedModes) {
				continue // the other mode keeps its key, so the two no longer share a lease
			}
			t.Run(fmt.Sprint(mode.Name, o.Only), func(t *testing.T) {
				t.Parallel()
				plain := mustExplore(t, o).texts()
				o.Mode = prefixed
				o.Workers = 1
				if got := mustExplore(t, o).texts(); !reflect.DeepEqual(got, plain) {
					t.Errorf("got %v, want %v", got, plain)
				}
			})
		}
	}
}

type prefixLocker struct{ billing.Locker }

func (l prefixLocker) Obtain(ctx context.Context, key string) (billing.Lease, error) {
	return l.Locker.Obtain(ctx, "staging:"+key)
}

// Two modes that use the same key on the same Redis share the lease, whatever kind of lock each
// has: the naive lock's DEL then deletes the lease of the careful one.
func TestTheNaiveLockDeletesTheLeaseOfAnother(t *testing.T) {
	t.Parallel()
	for kind, want := range map[billing.Lock]int{billing.SafeLock: 1, billing.NaiveLock: 0} {
		lock := locks()[kind]
		w := world{many: 2}
		a, b := &w.servers[0], &w.servers[1]
		w.execute(a, call{op: obtain, nodes: oneNode}, noFailure)
		w.execute(b, call{op: release, nodes: lock.nodes, any: !lock.careful}, noFailure)
		if got := int(a.nodes); got != want {
			t.Errorf("%s: a's lease is on %d nodes after b's release, want %d", kind, got, want)
		}
	}
}

func TestModesWithMoreLeasesThanAWorldHoldsAreRefused(t *testing.T) {
	t.Parallel()
	greedy := mustMode(t, "locked")
	one := greedy.New
	greedy.New = func(p billing.Ports) billing.Biller { return greedyBiller{p.Locker, one(p)} }
	if _, err := Explore(t.Context(), Options{Mode: greedy, Servers: 1}, nil); err == nil {
		t.Error("want an error")
	}
	greedy.Lock = "padlock"
	if _, err := Explore(t.Context(), Options{Mode: greedy, Servers: 1}, nil); err == nil {
		t.Error("a kind of lock that nobody knows: want an error")
	}
}

type greedyBiller struct {
	locker billing.Locker
	billing.Biller
}

func (g greedyBiller) Bill(ctx context.Context, inv billing.Invoice) (billing.Outcome, error) {
	for i := range maxLeases {
		_, _ = g.locker.Obtain(ctx, fmt.Sprint(i))
	}
	return g.Biller.Bill(ctx, inv)
}
