package explore

import (
	"fmt"
	"slices"
	"sync"

	"example.com/triplecharge/billing"
)

// lock is how a kind of lock behaves.
type lock struct {
	nodes uint8 // the Redis nodes that it is on, a bit each
	// careful: a healthy holder renews the lease, its clock decides whether the lease is valid, and
	// a release compares the token before it deletes the key. Otherwise the lease lasts for its TTL
	// only, Valid never objects, and a release deletes the key, whoever holds it.
	careful bool
}

const (
	oneNode   = 1
	fiveNodes = 1<<5 - 1
)

// locks has the locks that package redislock implements. A mode's row in billing.Modes names its
// kind; nothing else decides how its leases behave.
func locks() map[billing.Lock]lock {
	return map[billing.Lock]lock{
		billing.NoLock:     {},
		billing.NaiveLock:  {nodes: oneNode},
		billing.SafeLock:   {nodes: oneNode, careful: true},
		billing.QuorumLock: {nodes: fiveNodes, careful: true},
	}
}

// leaseNumbers numbers leases: the same key on the same nodes is one lease, whichever mode asks
// for it. Safe for concurrent use.
type leaseNumbers struct {
	mu    sync.Mutex
	known []leaseName
}

type leaseName struct {
	nodes uint8
	key   string
}

func (l *leaseNumbers) of(nodes uint8, key string) uint8 {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := leaseName{nodes, key}
	i := slices.Index(l.known, name)
	if i < 0 {
		i = len(l.known)
		l.known = append(l.known, name)
	}
	return uint8(min(i, maxLeases-1)) // err reports that there are too many
}

func (l *leaseNumbers) key(number uint8) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known[number].key
}

// err returns an error if the modes have asked for more leases than a world has room for.
func (l *leaseNumbers) err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.known); n > maxLeases {
		return fmt.Errorf("the modes lock %d keys: the explorer has room for %d", n, maxLeases)
	}
	return nil
}
