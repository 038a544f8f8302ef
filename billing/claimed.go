package billing

import (
	"context"
	"errors"
)

// claimed records that it is going to charge before it does: one row per invoice, which only one
// server can insert. The claim never expires, so there are never two charges. For the same reason,
// a server that crashes after taking the claim leaves the invoice unbilled for good: nobody can
// know whether its request was sent.
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

	// Charge what the subscription asks now, not what the list said.
	charge, err := m.charger.Charge(ctx, Request{Invoice: claim.Invoice, Key: claim.Key()})
	switch {
	case errors.Is(err, ErrDeclined):
		// Certainly no money moved, so give the claim back, for a later attempt.
		return "", errors.Join(err, m.claims.Postpone(context.WithoutCancel(ctx), claim))
	case errors.Is(err, ErrNotSent):
		// Nor here. But no card was tried, so this was not an attempt.
		return "", errors.Join(err, m.claims.Return(context.WithoutCancel(ctx), claim))
	case err != nil:
		// Unknown is not failed. The claim stays, and a person has to look.
		return "", err
	}
	if err := m.ledger.Record(context.WithoutCancel(ctx), charge); err != nil {
		return "", err
	}
	return Billed, nil
}
