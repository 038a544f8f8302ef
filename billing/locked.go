package billing

import (
	"context"
	"errors"
)

// locked is the lock done with care. It survives servers that fire late and charges that take
// long. It doesn't survive what no lock can: a request sent under the lease that arrives after its
// end, a crash between the charge and its entry, or a reply that never comes.
type locked struct {
	locker  Locker
	ledger  Ledger
	charger Charger
}

func (m locked) Bill(ctx context.Context, inv Invoice) (Outcome, error) {
	// Obtain the lease. There is one per invoice, so December's doesn't hold up January's. It has a
	// random token, and the locker renews it while this server works.
	lease, err := m.locker.Obtain(ctx, inv.LockKey())
	if errors.Is(err, ErrHeld) {
		return Skipped, nil
	} else if err != nil {
		return "", err
	}

	// Release the lease last, after the charge is recorded. Only the token's owner can: if another
	// server holds the lease, nothing happens. If the release fails, the TTL ends the lease.
	defer func() { _ = lease.Release(context.WithoutCancel(ctx)) }()

	// Ask the ledger under the lease: a server that fires two seconds late finds the lock free, and
	// Alice charged. The answer is worth something only if nobody else can charge her between it
	// and our own charge, so the lease must be valid before we ask. It brings the invoice as it is
	// now: the customer may have replaced the card since we read the list.
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

	// Charge. No attempt starts once the lease is not valid. But wait for an attempt that was sent,
	// however long that takes: hanging up would only hide what Stripe did.
	charge, err := m.charger.Charge(ctx, Request{Invoice: inv, Valid: lease.Valid})
	if err != nil {
		return "", err
	}

	// Record the charge, whatever became of the lease: the charge happened.
	if err := m.ledger.Record(context.WithoutCancel(ctx), charge); err != nil {
		return "", err
	}
	return Billed, nil
}
