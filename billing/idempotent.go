package billing

import "context"

// idempotent needs no lock: it tells Stripe which invoice the request is for, by an idempotency key
// that every server makes alike, and Stripe answers the second request with the first one's result.
//
// Stripe remembers a key for 24 hours at least, and it remembers whatever the first request came
// to. So this charges twice if the second server comes a day later; and it never charges at all if
// the first request met a 500, or a card that was declined and has been replaced since.
type idempotent struct {
	ledger  Ledger
	charger Charger
}

func (m idempotent) Bill(ctx context.Context, inv Invoice) (Outcome, error) {
	// The key must not name the server, the time or anything random, and neither must the request:
	// the same key with other parameters is refused.
	charge, err := m.charger.Charge(ctx, Request{Invoice: inv, Key: inv.String()})
	if err != nil {
		return "", err
	}

	// All servers are told of the same PaymentIntent, and the ledger keeps one entry for each.
	if err := m.ledger.Record(context.WithoutCancel(ctx), charge); err != nil {
		return "", err
	}
	return Billed, nil
}
