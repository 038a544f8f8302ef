package billing

import (
	"context"
	"errors"
)

// locked is the lock done with care. It survives servers that fire late and charges that take
// long. It doesn't survive what no lock can: a request that was sent under the lease and arrives
// after it, a crash between the charge and its entry, a reply that never comes.
type locked struct {
	locker  Locker
	ledger  Ledger
	charger Charger
}

func (m locked) Bill(ctx context.Context, inv Invoice) (Outcome, error) {
	// Obtain the lease: one for each invoice, so that December's doesn't hold up January's. It
	// carries a random token, and it is renewed while this server works.
	lease, err := m.locker.Obtain(ctx, inv.LockKey())
	if errors.Is(err, ErrHeld) {
		return Skipped, nil
	} else if err != nil {
		return "", err
	}

	// Release it last, after the record. Only the token's owner can: if the lease is another
	// server's by now, nothing happens. If the release fails, the TTL ends the lease.
	defer func() { _ = lease.Release(context.WithoutCancel(ctx)) }()

	// Ask the ledger again, under the lease: a server that fires two seconds late finds the lock
	// free, and Alice charged. An answer is worth something only if nobody else can be charging
	// her between it and our own charge, so it is asked for while the lease can be trusted.
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

	// Charge. No attempt starts once the lease can't be trusted; one that was sent is waited for,
	// however long that takes: to hang up would only hide what Stripe did.
	charge, err := m.charger.Charge(ctx, Request{Invoice: inv, Trusted: lease.Trusted})
	if err != nil {
		return "", err
	}

	// Record the charge, whatever became of the lease: it happened.
	if err := m.ledger.Record(context.WithoutCancel(ctx), charge); err != nil {
		return "", err
	}
	return Billed, nil
}
