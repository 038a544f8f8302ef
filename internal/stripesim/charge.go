package stripesim

import (
	"cmp"

	"example.com/triplecharge/internal/money"
)

// charge is one snapshot of an attempt to take money.
type charge struct {
	head
	intent      ref // none for a charge of the older Charges API
	customer    ref
	transaction ref // of the money taken; none for an authorization or a failure
	lastRefund  ref
	dispute     ref
	earlier     ref // the charge of the same PaymentIntent before this one

	amount, taken, refunded int64

	captured bool
	currency string
	method   *paymentMethod // as it was at the charge
	metadata metadata
	details  *paymentDetails
	failure  *apiError // nil: it succeeded
}

func (c *charge) paid() bool { return c.failure == nil }

// refundable is what can still be given back of what was taken, or released of an authorization.
func (c *charge) refundable() int64 {
	if c.captured {
		return c.taken - c.refunded
	}
	return c.amount - c.refunded
}

func (c *charge) allRefunded() bool { return c.paid() && c.refundable() == 0 }

// addCharge stores a charge and, if it took money, its transaction.
func (a *account) addCharge(next charge) *charge {
	if next.paid() && next.captured {
		next.taken = next.amount
	}
	if i := a.intents.get(next.intent); i != nil {
		next.earlier = i.charge
	}
	return a.charges.add(a.clock.unix(), &next, func() {
		if owner := a.customers.get(next.customer); owner != nil {
			owner.owned.add(&owner.owned.charges, next.ref)
		}
		if next.taken > 0 {
			next.transaction = a.addTaken(&next)
		}
	})
}

func (a *account) addTaken(o *charge) ref {
	return a.addTransaction(transaction{of: kindCharge, source: o.ref, amount: o.taken,
		fee: fee(o.taken), currency: o.currency, available: o.method.card.outcome.Available})
}

// chargesOf follows the attempts of a PaymentIntent back to the first.
func (a *account) chargesOf(i *intent) refs {
	var list refs
	for r := i.charge; r != 0; r = a.charges.get(r).earlier {
		list = append(list, r)
	}
	return list.reversed()
}

// descriptor is the text on the cardholder's statement; the account's own is STRIPESIM.
func (c *charge) descriptor() string {
	switch {
	case !c.paid():
		return ""
	case c.details != nil && c.details.descriptor != "":
		return c.details.descriptor
	case c.details != nil && c.details.descriptorSuffix != "":
		return "STRIPESIM* " + c.details.descriptorSuffix
	}
	return "STRIPESIM"
}

// capturable returns why this much of a charge of the older API cannot be captured, nil if it can.
func (c *charge) capturable(id string, amount int64) *apiError {
	switch {
	case c.intent != 0:
		return errInvalid("", "", "The charge %s belongs to a PaymentIntent: capture that one.", id)
	case c.taken > 0:
		return errInvalid("charge_already_captured", "", "Charge %s has already been captured.", id)
	case !c.paid():
		return errInvalid("", "", "Charge %s failed: there is nothing to capture.", id)
	case c.refunded > 0:
		return errInvalid("charge_already_refunded", "", "Charge %s has already been refunded.", id)
	case amount > c.amount:
		return errInvalid("amount_too_large", "amount", "You cannot capture more than the "+
			"authorized amount (%s).", money.Amount(c.amount, c.currency))
	}
	return nil
}

// releaseAuthorization releases an amount that was only authorized.
func (a *account) releaseAuthorization(c *call, r ref) {
	next := *a.charges.get(r)
	next.refunded = next.amount
	a.charges.set(r, &next)
	a.emit(c, "charge.refunded", &next)
}

// capture takes authorized money and releases the rest of the authorization, which is no refund: it
// was never taken.
func (a *account) capture(r ref, amount int64) *charge {
	next := *a.charges.get(r)
	next.captured, next.taken = true, amount
	next.transaction = a.addTaken(&next)
	a.charges.set(r, &next)
	return &next
}

var chargeBody = newBody("charge", functions[charge]{
	"descriptor":  func(w *writer, c *charge) { w.quoteOrNull(c.descriptor()) },
	"disputed":    func(w *writer, c *charge) { w.flag(c.dispute != 0) },
	"outcome":     func(w *writer, c *charge) { w.fill(outcomeBody, c.outcome()) },
	"paid":        func(w *writer, c *charge) { w.flag(c.paid()) },
	"allRefunded": func(w *writer, c *charge) { w.flag(c.allRefunded()) },
	"status":      func(w *writer, c *charge) { w.either(c.paid(), succeeded, "failed") },
	"captureBefore": func(w *writer, c *charge) {
		if c.paid() && !c.captured {
			w.number(c.created + authorizationLasts)
		}
	},
	"receipt": func(w *writer, c *charge) {
		if !c.paid() {
			w.text("null")
			return
		}
		w.id(`"https://pay.stripe.com/receipts/payment/`, kindCharge, c.ref, `"`)
	},
	// Since version 2022-11-15 the refunds are null unless they are expanded.
	"refunds": func(w *writer, c *charge) {
		if _, expand := w.expand["refunds"]; !expand {
			w.text("null")
			return
		}
		all := w.account.refundsOf(c).reversed()
		shown := all[:min(len(all), defaultLimit)]
		page := &listView{more: len(shown) < len(all),
			path: "/v1/charges/" + w.account.ids.id(kindCharge, c.ref) + "/refunds"}
		for _, r := range shown {
			page.objects = append(page.objects, w.account.refunds.get(r))
		}
		w.value(page, nil)
	},
})

func (c *charge) json(w *writer) { w.fill(chargeBody, c) }

// verdict is what the network, the bank and Stripe's own rules said about a charge.
type verdict struct{ network, reason, seller, typ string }

var outcomeBody = newBody[verdict]("outcome", nil)

func (c *charge) outcome() *verdict {
	switch f := c.failure; {
	case f == nil:
		return &verdict{"approved_by_network", "", "Payment complete.", "authorized"}
	case c.method.card.outcome.Blocked:
		return &verdict{"not_sent_to_network", "highest_risk_level",
			"Stripe blocked this payment as too risky.", "blocked"}
	default:
		return &verdict{"declined_by_network", cmp.Or(f.decline, f.code), "The bank did not " +
			"return any further details with this decline.", "issuer_declined"}
	}
}
