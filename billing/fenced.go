package billing

import (
	"context"
	"errors"
)

// fenced adds to locked what Kleppmann asks of a lock: a number, higher for each holder, that the
// resource checks (https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html). A
// server that was stopped for longer than its lease comes back with an old number, and the ledger
// refuses its entry.
//
// That protects the ledger. It doesn't protect the card: Stripe checks no number, so the late
// request takes Alice's money all the same, and the refused entry was the only trace of it.
type fenced struct {
	locker  Locker
	fence   Fence
	ledger  Ledger
	charger Charger
}

func (m fenced) Bill(ctx context.Context, inv Invoice) (Outcome, error) {
	lease, err := m.locker.Obtain(ctx, inv.LockKey())
	if errors.Is(err, ErrHeld) {
		return Skipped, nil
	} else if err != nil {
		return "", err
	}
	defer func() { _ = lease.Release(context.WithoutCancel(ctx)) }()

	// The number comes after the lease, so that a later holder has a higher one; and before the
	// re-check, so that whoever was overtaken can no longer add an entry that the re-check misses.
	// Whoever is overtaken before this line gets the highest all the same, and shuts out the holder:
	// a number should come with the lease, in one step. Redis' SET has none to give.
	token, err := m.fence.Issue(ctx, inv)
	if err != nil {
		return "", err
	}
	if err := lease.Trusted(); err != nil {
		return "", err
	}
	charged, err := m.ledger.Charged(ctx, inv)
	if err != nil {
		return "", err
	}
	if charged {
		return AlreadyBilled, nil
	}
	charge, err := m.charger.Charge(ctx, Request{Invoice: inv, Trusted: lease.Trusted})
	if err != nil {
		return "", err
	}

	// ErrStale: another server has had the lease since. The ledger stays as that one left it.
	if err := m.fence.Record(context.WithoutCancel(ctx), charge, token); err != nil {
		return "", err
	}
	return Billed, nil
}
