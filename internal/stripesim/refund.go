package stripesim

import (
	"cmp"
	"net/http"

	"example.com/triplecharge/internal/money"
)

// The statuses of a refund, beside succeeded and canceled.
const (
	refundPending = "pending"
	refundFailed  = "failed"
)

// refund is one snapshot of money given back.
type refund struct {
	head
	charge      ref
	intent      ref
	transaction ref
	returned    ref // the transaction that took a failed or canceled refund back
	earlier     ref // the refund of the same charge before this one
	amount      int64
	currency    string
	reason      string
	status      string
	metadata    metadata
}

// refundTarget returns the charge that a refund names, directly or by its PaymentIntent.
func (a *account) refundTarget(chargeID, intentID string) ref {
	if intentID == "" {
		return a.named(kindCharge, chargeID, "id", http.StatusNotFound) // as in a path: so recorded
	}
	i := a.intents.get(a.named(kindIntent, intentID, "payment_intent", http.StatusBadRequest))
	if o := a.charges.get(i.charge); o == nil || !o.paid() {
		refuse(errInvalid("", "payment_intent", "This PaymentIntent (%s) "+
			"does not have a successful charge to refund.", intentID))
	}
	if chargeID != "" && chargeID != a.ids.id(kindCharge, i.charge) {
		refuse(errInvalid("", "charge", "The charge %s is not the latest "+
			"of the PaymentIntent %s.", chargeID, intentID))
	}
	return i.charge
}

// refundable returns why this amount of a charge cannot be refunded, nil if it can.
func (a *account) refundable(o *charge, amount int64) *apiError {
	id := a.ids.id(kindCharge, o.ref)
	switch {
	case !o.paid():
		return errInvalid("", "charge", "Charge %s failed: there is nothing to refund.", id)
	case !o.captured:
		return errInvalid("", "charge",
			"Charge %s is not captured. Cancel its PaymentIntent to release the authorization.", id)
	case a.chargedBack(o):
		return errInvalid("charge_disputed", "",
			"Charge %s has been charged back; cannot issue a refund.", id)
	case o.allRefunded():
		return errInvalid("charge_already_refunded", "", "Charge %s has already been refunded.", id)
	case amount > o.refundable() && o.refunded == 0:
		return errInvalid("", "amount", "Refund amount (%s) is greater than charge amount (%s)",
			money.Amount(amount, o.currency), money.Amount(o.taken, o.currency))
	case amount > o.refundable():
		return errInvalid("", "amount",
			"Refund amount (%s) is greater than unrefunded amount on charge (%s)",
			money.Amount(amount, o.currency), money.Amount(o.refundable(), o.currency))
	}
	return nil
}

// bankDecides is how long, in seconds, the bank takes to settle or to fail a refund. Stripe says
// "later" (https://docs.stripe.com/testing#refunds).
const bankDecides = 60

// refund gives money back. The caller holds the charge's lock and has checked the amount. Some test
// cards' banks decide later: the refund is pending, or succeeds at first.
func (a *account) refund(c *call, o *charge, next refund) *refund {
	bank := o.method.card.outcome.Refund
	next.status = cmp.Or(bank.First, succeeded)
	next.earlier = o.lastRefund
	made := a.refunds.add(a.clock.unix(), &next, func() {
		next.transaction = a.move(&next, -next.amount)
	})
	changed := *o
	changed.lastRefund = made.ref
	changed.refunded += made.amount
	a.charges.set(o.ref, &changed)
	a.emit(c, "refund.created", made)
	a.emit(c, "charge.refunded", &changed)
	if bank.Finally != "" {
		a.after(bankDecides, func() *apiError { return a.refundBecomes(made.ref, bank.Finally) })
	}
	return made
}

func (a *account) move(r *refund, amount int64) ref {
	return a.addTransaction(transaction{
		of: kindRefund, source: r.ref, amount: amount, currency: r.currency})
}

// refundBecomes is the bank's decision, unless the refund was canceled before.
func (a *account) refundBecomes(r ref, status string) *apiError {
	release, err := a.refunds.lock(a, r)
	if err != nil {
		return err
	}
	defer release()
	if current := a.refunds.get(r); current.status != canceled {
		a.endRefund(nil, current, status)
	}
	return nil
}

// endRefund gives a refund its last status. If that is not succeeded, the amount is the charge's
// again. The caller holds the charge's lock.
func (a *account) endRefund(c *call, current *refund, status string) *refund {
	next := *current
	next.status = status
	if status != succeeded {
		next.returned = a.move(&next, next.amount)
		changed := *a.charges.get(next.charge)
		changed.refunded -= next.amount
		a.charges.set(changed.ref, &changed)
	}
	a.refunds.set(next.ref, &next)
	a.emitUpdate(c, "refund.updated", current, &next)
	if status == refundFailed {
		a.emit(c, "refund.failed", &next)
	}
	return &next
}

// refundsOf follows the refunds of a charge back to the first; nil has none.
func (a *account) refundsOf(o *charge) refs {
	var list refs
	if o == nil {
		return list
	}
	for r := o.lastRefund; r != 0; r = a.refunds.get(r).earlier {
		list = append(list, r)
	}
	return list.reversed()
}

var refundBody = newBody("refund", functions[refund]{
	"failureReason": func(w *writer, r *refund) {
		if r.status == refundFailed {
			w.quote("unknown")
		}
	},
})

func (r *refund) json(w *writer) { w.fill(refundBody, r) }
