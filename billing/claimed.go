package billing

import (
	"context"
	"errors"
)

// claimed writes down that it is going to charge before it does: one row for each invoice, which
// one server can insert. The claim never expires, so there are never two charges. For the same
// reason, a server that crashes behind its claim leaves the invoice unbilled for good: nobody can
// tell whether its request went out.
type claimed struct {
	claims  Claims // that never expire
	ledger  Ledger
	charger Charger
}

func (m claimed) Bill(ctx context.Context, inv Invoice) (Outcome, error) {
	claim, err := m.claims.Take(ctx, inv)
	if errors.Is(err, ErrTaken) {
		return Skipped, nil
	} else if errors.Is(err, ErrCharged) {
		return AlreadyBilled, nil
	} else if err != nil {
		return "", err
	}

	charge, err := m.charger.Charge(ctx, Request{Invoice: inv, Key: claim.Key()})
	switch {
	case errors.Is(err, ErrDeclined), errors.Is(err, ErrNotSent):
		// No money moved, for certain: the claim is given back, to be taken again later.
		return "", errors.Join(err, m.claims.Postpone(context.WithoutCancel(ctx), claim))
	case err != nil:
		// Unknown is not failed. The claim stays, and somebody has to look.
		return "", err
	}
	if err := m.ledger.Record(context.WithoutCancel(ctx), charge); err != nil {
		return "", err
	}
	return Billed, nil
}
