package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
	"example.com/triplecharge/internal/cli"
)

const (
	// ownedFor is how long the lock store is taken for this ledger's. Then it is asked again, since
	// it may have restarted empty.
	ownedFor = 5 * time.Minute
	// ownLimit bounds the question when a server starts, which it must even if Redis is down.
	ownLimit = 2 * time.Second
)

// ownedLocker grants leases only from a lock store that is this ledger's.
type ownedLocker struct {
	billing.Locker
	nodes  []redislock.Client
	flag   string // that gave the nodes
	prefix string
	ledger string // its ID; set before the first lease is asked for

	mu    sync.Mutex
	asked time.Time
}

// start refuses a lock store of another ledger's. If none answers, Obtain asks again.
func (o *ownedLocker) start(ctx context.Context, ledger string) error {
	o.ledger = ledger
	ctx, cancel := context.WithTimeout(ctx, ownLimit)
	defer cancel()
	if err := o.own(ctx); errors.Is(err, redislock.ErrOtherLedger) {
		return cli.Usage(fmt.Errorf("%s: %w (--lock-prefix)", o.flag, err))
	}
	return nil
}

// away reports whether fewer nodes answer than a lease needs: a quorum of them.
func (o *ownedLocker) away(ctx context.Context) bool {
	var answered atomic.Int32
	var asking sync.WaitGroup
	for _, node := range o.nodes {
		asking.Go(func() {
			if node.Ping(ctx).Err() == nil {
				answered.Add(1)
			}
		})
	}
	asking.Wait()
	quorum := len(o.nodes)/2 + 1
	return len(o.nodes) > 0 && int(answered.Load()) < quorum
}

func (o *ownedLocker) own(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.nodes) == 0 || !o.asked.IsZero() && time.Since(o.asked) < ownedFor {
		return nil
	}
	began := time.Now()
	if err := redislock.Own(ctx, o.nodes, o.prefix, o.ledger); err != nil {
		return err
	}
	o.asked = began
	return nil
}

func (o *ownedLocker) Obtain(ctx context.Context, key string) (billing.Lease, error) {
	lease, _, err := o.ObtainFenced(ctx, key, unfenced)
	return lease, err
}

func (o *ownedLocker) ObtainFenced(
	ctx context.Context, key string, floor billing.Token,
) (billing.Lease, billing.Token, error) {
	if err := o.own(ctx); err != nil {
		return nil, 0, err
	}
	return obtain(ctx, o.Locker, key, floor)
}
