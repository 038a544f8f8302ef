package billing

import (
	"context"
	"errors"
)

// naiveLock is the lock that most tutorials show, step by step:
//
//	SET lock:billing:alice server-a NX PX 5000
//	charge
//	DEL lock:billing:alice
//
// It turns three charges into one if all servers fire at the same moment. The comments say where
// it fails; locked.go answers each of them.
type naiveLock struct {
	locker  Locker
	ledger  Ledger
	charger Charger
}

func (m naiveLock) Bill(ctx context.Context, inv Invoice) (Outcome, error) {
	// OK means that the lock is ours; nil means that someone else is billing Alice.
	//
	// The value is the server's name. If Redis' answer to the SET is lost, this server tries again
	// and finds the lock taken: by itself.
	lease, err := m.locker.Obtain(ctx, "lock:billing:"+inv.Subscription.ID)
	if errors.Is(err, ErrHeld) {
		return Skipped, nil
	} else if err != nil {
		return "", err
	}

	// The DEL doesn't ask whose lock it removes. If the charge took longer than the TTL, another
	// server may hold the lock, and after the DEL a third one can come in.
	defer func() { _ = lease.Release(context.WithoutCancel(ctx)) }()

	// Nobody asks whether Alice has already been charged. A server that fires two seconds late
	// finds the lock free again, and charges her once more.
	//
	// And nobody watches the lock: the charge may start, or go on, after the lock has expired.
	charge, err := m.charger.Charge(ctx, Request{Invoice: inv})
	if err != nil {
		return "", err
	}
	if err := m.ledger.Record(context.WithoutCancel(ctx), charge); err != nil {
		return "", err
	}
	return Billed, nil
}
