package billing

import (
	"context"
	"errors"
)

// exactlyOnce rests on one fact: a PaymentIntent has two final states, succeeded and canceled, and
// never leaves either, whatever is delayed, repeated or forgotten
// (https://docs.stripe.com/payments/paymentintents/lifecycle). So the ledger knows the invoice's
// only PaymentIntent before it can take money, and another takes its place only once it is
// canceled. Claims keep servers out of each other's way. Safety doesn't depend on them, so they may
// expire at any time.
type exactlyOnce struct {
	claims  Claims // that expire
	intents Intents
	ledger  Ledger
}

func (m exactlyOnce) Bill(ctx context.Context, inv Invoice) (Outcome, error) {
	// Take the claim, or take it over from a server that has not been heard from for too long. It
	// brings the subscription as it is now.
	claim, err := m.claims.Take(ctx, inv)
	if errors.Is(err, ErrTaken) {
		return Skipped, nil
	} else if errors.Is(err, ErrCharged) {
		return AlreadyBilled, nil
	} else if err != nil {
		return "", err
	}

	// Charge by the registered PaymentIntent. If there is none, or it is canceled, register another
	// and charge by that.
	charge, err := m.charge(ctx, claim)
	if errors.Is(err, ErrCanceled) {
		if claim.Intent, err = m.register(ctx, claim); err == nil {
			charge, err = m.charge(ctx, claim)
		}
	}
	switch {
	case errors.Is(err, ErrTaken):
		// Superseded: what this server knows of the subscription is old.
		return Skipped, nil
	case errors.Is(err, ErrDeclined):
		// The attempt is over. The next one confirms the same PaymentIntent with the card that the
		// customer has then. Only the claim's owner may set when that is.
		return "", errors.Join(err, m.claims.Postpone(context.WithoutCancel(ctx), claim))
	case errors.Is(err, ErrNotSent), errors.Is(err, ErrCanceled):
		// No card was tried. Nobody needs to wait for the claim to expire.
		return "", errors.Join(err, m.claims.Return(context.WithoutCancel(ctx), claim))
	case err != nil:
		// Unknown is not failed. The claim expires, and the next server continues from here.
		return "", err
	}

	// Record the charge, whoever owns the claim now: a fact is not fenced. The entry also settles
	// the claim.
	if err := m.ledger.Record(context.WithoutCancel(ctx), charge); err != nil {
		return "", err
	}
	return Billed, nil
}

// register prepares a PaymentIntent that can't take money yet, and registers it in place of the
// claim's, which is none or canceled. If another server was first, that one's is returned, and ours
// is never confirmed. The key contains the claim's generation, so a 500 that Stripe saved blocks
// nobody later; and what is replaced, or Stripe would answer with the canceled one again.
func (m exactlyOnce) register(ctx context.Context, claim Claim) (Intent, error) {
	r := Request{Invoice: claim.Invoice, Key: claim.Key()}
	if claim.Intent.ID != "" {
		r.Key += "/instead-of/" + claim.Intent.ID
	}
	prepared, err := m.intents.Prepare(ctx, r)
	if err != nil {
		return claim.Intent, err
	}
	return m.claims.Register(ctx, claim, prepared)
}

// charge confirms the registered PaymentIntent, or cancels it if it is not what the invoice asks
// now: ErrCanceled means that another is needed. If it has succeeded meanwhile, whoever did that,
// it is a charge like any other.
func (m exactlyOnce) charge(ctx context.Context, claim Claim) (Charge, error) {
	registered := claim.Intent
	r := Request{Invoice: claim.Invoice, Key: claim.Key() + "/confirm/" + registered.ID}
	switch {
	case registered.ID == "":
		return Charge{}, ErrCanceled
	case registered.For(claim.Invoice.Subscription):
		return m.intents.Confirm(ctx, registered.ID, r)
	}
	return m.intents.Cancel(ctx, registered.ID, r)
}
