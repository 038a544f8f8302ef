package billing

import "context"

// uncoordinated is the bug. Run on one server it is right; run on three it charges three times,
// and no line of it is to blame: nothing here knows of the other servers.
type uncoordinated struct {
	ledger  Ledger
	charger Charger
}

func (m uncoordinated) Bill(ctx context.Context, inv Invoice) (Outcome, error) {
	// stripe-go sends an idempotency key with this request, as with every POST. It is a random
	// one: each server sends another, so Stripe sees three purchases, not one repeated.
	charge, err := m.charger.Charge(ctx, Request{Invoice: inv})
	if err != nil {
		return "", err
	}

	// The ledger is told, not asked: three charges, three entries. It shows the bug faithfully.
	if err := m.ledger.Record(context.WithoutCancel(ctx), charge); err != nil {
		return "", err
	}
	return Billed, nil
}
