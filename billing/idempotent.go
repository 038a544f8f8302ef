package billing

import "context"

// idempotent needs no lock. Every server sends the same idempotency key, which names the invoice,
// and Stripe answers the second request with the first one's result.
//
// Stripe remembers a key for at least 24 hours, with whatever the first request's result was
// (https://docs.stripe.com/api/idempotent_requests). So the mode charges twice if the second server
// comes a day later, and not at all if the first request got a 500, or met a declined card that has
// since been replaced.
type idempotent struct {
	ledger  Ledger
	charger Charger
}

func (m idempotent) Bill(ctx context.Context, inv Invoice) (Outcome, error) {
	// Neither the key nor the request may name the server, the time or anything random: Stripe
	// refuses the same key with different parameters.
	charge, err := m.charger.Charge(ctx, Request{Invoice: inv, Key: inv.String()})
	if err != nil {
		return "", err
	}

	// All servers get the same PaymentIntent in answer, and the ledger keeps one entry for it.
	if err := m.ledger.Record(context.WithoutCancel(ctx), charge); err != nil {
		return "", err
	}
	return Billed, nil
}
