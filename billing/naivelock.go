package billing

import (
	"context"
	"errors"
)

// naiveLock is the lock that most tutorials show, step for step:
//
//	SET lock:billing:alice server-a NX PX 5000
//	charge
//	DEL lock:billing:alice
//
// It turns three charges into one if all servers fire at the same moment. The comments say where
// it fails; locked.go has the answer to each.
type naiveLock struct {
	locker  Locker
	ledger  Ledger
	charger Charger
}

func (m naiveLock) Bill(ctx context.Context, inv Invoice) (Outcome, error) {
	// OK: the lock is ours. nil: someone else is billing Alice; do nothing.
	//
	// The value is the server's name. If the answer to the SET is lost, this server's own retry
	// finds the lock taken, by itself.
	lease, err := m.locker.Obtain(ctx, "lock:billing:"+inv.Subscription.ID)
	if errors.Is(err, ErrHeld) {
		return Skipped, nil
	} else if err != nil {
		return "", err
	}

	// The DEL. It doesn't ask whose lock it removes: if the charge took longer than the TTL, the
	// lock is another server's by now, and a third one may come in.
	defer func() { _ = lease.Release(context.WithoutCancel(ctx)) }()

	// Nobody asks whether Alice has been charged already. A server that fires two seconds late
	// finds the lock free again and charges her once more.
	//
	// And nobody watches the lock: the charge may start, or go on, after it expired.
	charge, err := m.charger.Charge(ctx, Request{Invoice: inv})
	if err != nil {
		return "", err
	}
	if err := m.ledger.Record(context.WithoutCancel(ctx), charge); err != nil {
		return "", err
	}
	return Billed, nil
}
