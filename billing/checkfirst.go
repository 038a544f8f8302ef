package billing

import "context"

// checkFirst asks the ledger before it charges: the fix that everyone thinks of first. It stops a
// server that fires late. It doesn't stop one that fires at the same moment: all three ask, all
// three are told that Alice has not been charged, and all three are told the truth.
type checkFirst struct {
	ledger  Ledger
	charger Charger
}

func (m checkFirst) Bill(ctx context.Context, inv Invoice) (Outcome, error) {
	charged, err := m.ledger.Charged(ctx, inv)
	if err != nil {
		return "", err
	}
	if charged {
		return AlreadyBilled, nil
	}

	// Between the answer above and the entry below lies the whole charge. What another server does
	// in that time, this one doesn't know.
	charge, err := m.charger.Charge(ctx, Request{Invoice: inv})
	if err != nil {
		return "", err
	}
	if err := m.ledger.Record(context.WithoutCancel(ctx), charge); err != nil {
		return "", err
	}
	return Billed, nil
}
