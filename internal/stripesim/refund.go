package stripesim

import (
	"fmt"
	"net/http"
)

// refund is one snapshot of money given back.
type refund struct {
	ref         ref
	created     int64
	charge      ref
	intent      ref
	transaction ref
	earlier     ref // the refund of the same charge before this one
	amount      int64
	currency    string
	reason      string
	status      string
	metadata    metadata
}

func (r refund) createdAt() int64 { return r.created }

func createRefund(c *call) (any, *apiError) {
	p, a := c.params, c.account
	chargeID, intentID := p.text("charge"), p.text("payment_intent")
	amount, sent := readAmount(p, "amount", false), p.has("amount")
	next := refund{metadata: p.metadata(nil)}
	next.reason = p.choice("reason", "duplicate", "fraudulent", "requested_by_customer")
	p.flag("refund_application_fee")
	p.flag("reverse_transfer")
	p.text("instructions_email")
	e := p.expand(kindRefund)
	if chargeID == "" && intentID == "" {
		p.fail(errInvalid("parameter_missing", "charge",
			"One of the following params should be provided for this request: payment_intent or charge."))
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	r, err := a.refundTarget(chargeID, intentID)
	if err != nil {
		return nil, err
	}
	release, err := a.lockCharge(r)
	if err != nil {
		return nil, err
	}
	defer release()

	o := *a.charges.get(r)
	if !sent {
		amount = o.amount - o.refunded
	}
	if err := a.refundable(&o, amount); err != nil {
		return nil, err
	}
	if err := c.begin(); err != nil {
		return nil, err
	}
	next.charge, next.intent, next.amount, next.currency = o.ref, o.intent, amount, o.currency
	return c.expanded(a.refund(c, &o, next), e), nil
}

// lockCharge locks whatever a change of the charge has to wait for: its PaymentIntent, or itself.
func (a *account) lockCharge(r ref) (func(), *apiError) {
	if i := a.charges.get(r).intent; i != 0 {
		return a.locks.acquire(kindIntent, i)
	}
	return a.locks.acquire(kindCharge, r)
}

// refundTarget is the charge that a refund names, itself or by its PaymentIntent.
func (a *account) refundTarget(chargeID, intentID string) (ref, *apiError) {
	if intentID == "" {
		r, o := find(a, &a.charges, kindCharge, chargeID)
		if o == nil {
			return 0, errNoSuch(kindCharge, chargeID, "charge", http.StatusBadRequest)
		}
		return r, nil
	}
	_, i := find(a, &a.intents, kindIntent, intentID)
	if i == nil {
		return 0, errNoSuch(kindIntent, intentID, "payment_intent", http.StatusBadRequest)
	}
	if o := a.charges.get(i.charge); o == nil || !o.paid() {
		return 0, errInvalidParameter("payment_intent", fmt.Sprintf("This PaymentIntent (%s) "+
			"does not have a successful charge to refund.", intentID))
	}
	if chargeID != "" && chargeID != a.ids.id(kindCharge, i.charge) {
		return 0, errInvalidParameter("charge", fmt.Sprintf("The charge %s is not the latest "+
			"of the PaymentIntent %s.", chargeID, intentID))
	}
	return i.charge, nil
}

// refundable says why so much of a charge cannot be refunded, nil if it can.
func (a *account) refundable(o *charge, amount int64) *apiError {
	id := a.ids.id(kindCharge, o.ref)
	switch {
	case !o.paid():
		return errInvalid("", "charge", "Charge "+id+" failed: there is nothing to refund.")
	case !o.captured:
		return errInvalid("", "charge", "Charge "+id+" is not captured. Cancel its "+
			"PaymentIntent to release the authorization.")
	case o.refunded == o.amount:
		return errInvalid("charge_already_refunded", "",
			"Charge "+id+" has already been refunded.")
	case amount > o.amount-o.refunded && o.refunded == 0:
		return errInvalid("", "amount", fmt.Sprintf(
			"Refund amount (%s) is greater than charge amount (%s)",
			money(amount, o.currency), money(o.amount, o.currency)))
	case amount > o.amount-o.refunded:
		return errInvalid("", "amount", fmt.Sprintf(
			"Refund amount (%s) is greater than unrefunded amount on charge (%s)",
			money(amount, o.currency), money(o.amount-o.refunded, o.currency)))
	}
	return nil
}

// refund gives money back. The caller holds the charge's lock and has checked the amount. A refund
// that the card's bank fails gives the amount back to the charge.
func (a *account) refund(c *call, o *charge, next refund) *refund {
	next.status = succeeded
	if s := o.method.card.outcome.refund; s != "" {
		next.status = s
	}
	next.earlier = o.lastRefund
	made := a.refunds.add(a.clock.unix(), func(r ref, created int64) *refund {
		next.ref, next.created = r, created
		if next.status != "failed" {
			next.transaction = a.addTransaction(transaction{
				charge: next.charge, refund: r, amount: -next.amount, currency: next.currency,
			})
		}
		return &next
	})
	changed := *o
	changed.lastRefund = made.ref
	if made.status != "failed" {
		changed.refunded += made.amount
	}
	a.charges.set(o.ref, &changed)
	a.emit(c, eventRefundCreated, made)
	a.emit(c, eventChargeRefunded, &changed)
	return made
}

// refundsOf follows the refunds of a charge back to the first.
func (a *account) refundsOf(o *charge) refs {
	var list refs
	for r := o.lastRefund; r != 0; r = a.refunds.get(r).earlier {
		list = append(list, r)
	}
	return list.reversed()
}

func retrieveRefund(c *call) (any, *apiError) {
	e := c.params.expand(kindRefund)
	if err := c.params.done(); err != nil {
		return nil, err
	}
	found, err := c.refundInPath()
	if err != nil {
		return nil, err
	}
	return c.expanded(found, e), nil
}

func (c *call) refundInPath() (*refund, *apiError) {
	id := c.http.PathValue("id")
	_, found := find(c.account, &c.account.refunds, kindRefund, id)
	if found == nil {
		return nil, errNoSuch(kindRefund, id, "refund", http.StatusNotFound)
	}
	return found, nil
}

func listRefunds(c *call) (any, *apiError) {
	a := c.account
	q := readListQuery(c, kindRefund)
	chargeID, intentID := c.params.text("charge"), c.params.text("payment_intent")
	if err := c.params.done(); err != nil {
		return nil, err
	}
	list := everything(a.refunds.len())
	switch {
	case chargeID != "":
		_, o := find(a, &a.charges, kindCharge, chargeID)
		if o == nil {
			return nil, errNoSuch(kindCharge, chargeID, "charge", http.StatusBadRequest)
		}
		list = a.refundsOf(o)
	case intentID != "":
		_, i := find(a, &a.intents, kindIntent, intentID)
		if i == nil {
			return nil, errNoSuch(kindIntent, intentID, "payment_intent", http.StatusBadRequest)
		}
		list = refs(nil)
		if o := a.charges.get(i.charge); o != nil { // only the last charge can have succeeded
			list = a.refundsOf(o)
		}
	}
	return q.page(c, list, a.refunds.created, nil)
}

func (w *writer) refund(r *refund, e expansion) {
	w.id("id", kindRefund, r.ref)
	w.text("object", "refund")
	w.number("amount", r.amount)
	w.reference("balance_transaction", kindTransaction, r.transaction, e)
	w.reference("charge", kindCharge, r.charge, e)
	w.number("created", r.created)
	w.text("currency", r.currency)
	w.object("destination_details", func() {
		w.object("card", func() { w.text("type", "refund") })
		w.text("type", "card")
	})
	if r.status == "failed" {
		w.text("failure_reason", "unknown")
	}
	w.metadata(r.metadata)
	w.reference("payment_intent", kindIntent, r.intent, e)
	w.textOrNull("reason", r.reason)
	w.null("receipt_number", "source_transfer_reversal")
	w.text("status", r.status)
	w.null("transfer_reversal")
}
