package billing

import "context"

// uncoordinated is the bug. Run it on one server and it is right; run it on three and it charges
// three times. No line of it is to blame: nothing here knows of the other servers.
type uncoordinated struct {
	ledger  Ledger
	charger Charger
}

func (m uncoordinated) Bill(ctx context.Context, inv Invoice) (Outcome, error) {
	// stripe-go sends an idempotency key with this request, as with every POST. But it is a random
	// key, different on each server, so Stripe sees three purchases and not one purchase repeated.
	charge, err := m.charger.Charge(ctx, Request{Invoice: inv})
	if err != nil {
		return "", err
	}

	// Nobody asks the ledger; it is only told. Three charges, three entries: it shows the bug
	// faithfully.
	if err := m.ledger.Record(context.WithoutCancel(ctx), charge); err != nil {
		return "", err
	}
	return Billed, nil
}
