package billing

import "context"

// checkFirst asks the ledger before it charges, which is the fix that everyone thinks of first. It
// stops a server that fires late. It doesn't stop servers that fire at the same moment: all three
// ask, all three hear that Alice has not been charged, and all three hear the truth.
type checkFirst struct {
	ledger  Ledger
	charger Charger
}

func (m checkFirst) Bill(ctx context.Context, inv Invoice) (Outcome, error) {
	inv, charged, err := m.ledger.Charged(ctx, inv)
	if err != nil {
		return "", err
	}
	if charged {
		return AlreadyBilled, nil
	}

	// Charge what the invoice asks now, not what the list said.
	//
	// Between the answer above and the entry below lies the whole charge. This server doesn't know
	// what another one does in that time.
	charge, err := m.charger.Charge(ctx, Request{Invoice: inv})
	if err != nil {
		return "", err
	}
	if err := m.ledger.Record(context.WithoutCancel(ctx), charge); err != nil {
		return "", err
	}
	return Billed, nil
}
