package billing

import (
	"context"
	"errors"
)

// exactlyOnce rests on one fact: a PaymentIntent succeeds at most once, whatever is delayed,
// repeated or forgotten (https://docs.stripe.com/payments/paymentintents/lifecycle). So there is
// one for each invoice, and the ledger knows which before it can take money. Claims keep servers
// out of each other's way; safety is not in them, so they may expire whenever they like.
type exactlyOnce struct {
	claims  Claims // that expire
	intents Intents
	ledger  Ledger
}

func (m exactlyOnce) Bill(ctx context.Context, inv Invoice) (Outcome, error) {
	// Take the claim, or take it over from a server that has not been heard of for too long.
	claim, err := m.claims.Take(ctx, inv)
	if errors.Is(err, ErrTaken) {
		return Skipped, nil
	} else if errors.Is(err, ErrCharged) {
		return AlreadyBilled, nil
	} else if err != nil {
		return "", err
	}

	// Prepare a PaymentIntent that can't take money yet, and register it. The first writer wins:
	// a server that was overtaken between the two lines is told the other's, and its own is never
	// confirmed. The key has the claim's generation in it, so that a saved 500 blocks nobody.
	intent := claim.Intent
	if intent == "" {
		prepared, err := m.intents.Prepare(ctx, Request{Invoice: inv, Key: claim.Key()})
		if err != nil {
			return "", err
		}
		if intent, err = m.claims.Register(ctx, claim, prepared); err != nil {
			return "", err
		}
	}

	// Confirm the registered one. If another server has done so already, Stripe says that it has
	// succeeded, and that is a charge like any other.
	charge, err := m.intents.Confirm(ctx, intent, Request{
		Invoice: inv, Key: claim.Key() + "/confirm",
	})
	switch {
	case errors.Is(err, ErrDeclined):
		// The attempt is over; the next one confirms the same PaymentIntent, with whatever card
		// the customer has by then. Only the claim's owner may say when that is.
		return "", errors.Join(err, m.claims.Postpone(context.WithoutCancel(ctx), claim))
	case err != nil:
		// Unknown is not failed. The claim expires, and the next server confirms again.
		return "", err
	}

	// Record the charge, whoever owns the claim by now: a fact is not fenced. The entry is also
	// what settles the claim.
	if err := m.ledger.Record(context.WithoutCancel(ctx), charge); err != nil {
		return "", err
	}
	return Billed, nil
}
