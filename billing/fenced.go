package billing

import (
	"context"
	"errors"
)

// fenced adds to locked what Kleppmann asks of a lock: a number, higher for each holder, that the
// resource checks (https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html). A
// server that was paused for longer than its lease comes back with an old number, and the ledger
// refuses its entry.
//
// That protects the ledger, not the card. Stripe checks no number, so the late request takes
// Alice's money all the same, and the refused entry was the only trace of it.
type fenced struct {
	locker  FencedLocker
	fence   Fence
	ledger  Ledger
	charger Charger
}

func (m fenced) Bill(ctx context.Context, inv Invoice) (Outcome, error) {
	// The number comes with the lease, in one step: a later holder has a higher one, whoever is
	// paused in between. The ledger's highest is its floor, for a Redis that has lost its count.
	floor, err := m.fence.Highest(ctx, inv)
	if err != nil {
		return "", err
	}
	lease, token, err := m.locker.ObtainFenced(ctx, inv.LockKey(), floor)
	if errors.Is(err, ErrHeld) {
		return Skipped, nil
	} else if err != nil {
		return "", err
	}
	defer func() { _ = lease.Release(context.WithoutCancel(ctx)) }()

	// The ledger learns the number before the re-check, so that a superseded server can't add an
	// entry that the re-check missed. ErrStale: this server is itself superseded.
	if err := m.fence.Raise(ctx, inv, token); err != nil {
		return "", err
	}
	if err := lease.Valid(); err != nil {
		return "", err
	}
	inv, charged, err := m.ledger.Charged(ctx, inv)
	if err != nil {
		return "", err
	}
	if charged {
		return AlreadyBilled, nil
	}
	charge, err := m.charger.Charge(ctx, Request{Invoice: inv, Valid: lease.Valid})
	if err != nil {
		return "", err
	}

	// ErrStale: another server has obtained the lease since, and the ledger keeps only its entry.
	if err := m.fence.Record(context.WithoutCancel(ctx), charge, token); err != nil {
		return "", err
	}
	return Billed, nil
}
