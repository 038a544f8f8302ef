package stripesim

import (
	"fmt"
	"net/http"
	"strings"
)

// createCharge is the API that PaymentIntents replaced, for cards that come as a token. A charge of
// this kind is not protected by a PaymentIntent: only its idempotency key is.
func createCharge(c *call) (any, *apiError) {
	p, a := c.params, c.account
	next := charge{captured: true}
	next.amount = readAmount(p, "amount", true)
	next.currency = readCurrency(p)
	checkMinimum(p, next.amount, next.currency)
	customerID, source := p.text("customer"), p.text("source")
	if p.has("capture") {
		next.captured = p.flag("capture")
	}
	readChargeDetails(p, &next)
	p.refuse("application_fee", "application_fee_amount", "card", "destination", "on_behalf_of",
		"radar_options", "transfer_data")
	e := p.expand(kindCharge)
	if err := p.done(); err != nil {
		return nil, err
	}
	owner, err := c.customer(customerID, "customer")
	if err != nil {
		return nil, err
	}
	if owner != nil {
		next.customer = owner.ref
	}
	name, isToken := strings.CutPrefix(source, "tok_")
	paid, known := testCard(name)
	switch {
	case source == "" && owner != nil:
		return nil, &apiError{status: http.StatusPaymentRequired, typ: typeCard, code: "missing",
			param: "card", message: "Cannot charge a customer that has no active card"}
	case source == "":
		return nil, errInvalid("parameter_missing", "source",
			"Must provide source or customer.")
	case !isToken || !known:
		return nil, errInvalid("resource_missing", "source", "No such token: '"+source+"'")
	}
	if err := c.begin(); err != nil {
		return nil, err
	}

	next.method = a.saved(&paymentMethod{card: paid, spent: true})
	if next.failure = paid.declines(); next.failure != nil {
		next.captured = false
		failed := a.addCharge(c, next)
		a.emit(c, eventChargeFailed, failed)
		answer := *next.failure
		answer.charge = failed.ref
		return nil, &answer
	}
	made := a.addCharge(c, next)
	a.emit(c, eventChargeSucceeded, made)
	if made.captured {
		a.feed.add(c.origin(), made.ref)
	}
	return c.expanded(made, e), nil
}

// readChargeDetails reads what can be set on a charge, when it is created and later.
func readChargeDetails(p *params, o *charge) {
	var i intent // which knows how to keep no details
	i.details = o.details
	d := i.detail()
	p.update("description", &d.description)
	p.update("receipt_email", &d.receiptEmail)
	p.update("transfer_group", &d.transferGroup)
	p.update("statement_descriptor", &d.descriptor)
	p.update("statement_descriptor_suffix", &d.descriptorSuffix)
	if q := p.object("shipping"); q != nil {
		d.shipping = readShipping(q)
	}
	i.setDetail(d)
	o.details = i.details
	o.metadata = p.metadata(o.metadata)
}

// lockedCharge is the charge the path names, as it is under its lock.
func (c *call) lockedCharge() (o *charge, release func(), err *apiError) {
	found, err := c.chargeInPath()
	if err != nil {
		return nil, nil, err
	}
	release, err = c.account.lockCharge(found.ref)
	if err != nil {
		return nil, nil, err
	}
	return c.account.charges.get(found.ref), release, nil
}

func updateCharge(c *call) (any, *apiError) {
	p, a := c.params, c.account
	current, release, err := c.lockedCharge()
	if err != nil {
		return nil, err
	}
	defer release()

	next := *current
	readChargeDetails(p, &next)
	p.refuse("customer", "fraud_details")
	e := p.expand(kindCharge)
	if err := p.done(); err != nil {
		return nil, err
	}
	if err := c.begin(); err != nil {
		return nil, err
	}
	a.charges.set(next.ref, &next)
	a.emit(c, eventChargeUpdated, &next)
	return c.expanded(&next, e), nil
}

func captureCharge(c *call) (any, *apiError) {
	p, a := c.params, c.account
	current, release, err := c.lockedCharge()
	if err != nil {
		return nil, err
	}
	defer release()

	amount := readAmount(p, "amount", false)
	p.refuse("application_fee", "application_fee_amount", "receipt_email", "statement_descriptor",
		"statement_descriptor_suffix", "transfer_data", "transfer_group")
	e := p.expand(kindCharge)
	if err := p.done(); err != nil {
		return nil, err
	}
	id := a.ids.id(kindCharge, current.ref)
	switch {
	case current.intent != 0:
		return nil, errInvalid("", "", "The charge "+id+" belongs to a PaymentIntent: capture "+
			"that one.")
	case current.taken > 0:
		return nil, errInvalid("charge_already_captured", "",
			"Charge "+id+" has already been captured.")
	case !current.paid():
		return nil, errInvalid("", "", "Charge "+id+" failed: there is nothing to capture.")
	case current.refunded > 0:
		return nil, errInvalid("charge_already_refunded", "",
			"Charge "+id+" has already been refunded.")
	case amount > current.amount:
		return nil, errInvalid("amount_too_large", "amount", fmt.Sprintf(
			"You cannot capture more than the authorized amount (%s).",
			money(current.amount, current.currency)))
	case amount == 0:
		amount = current.amount
	}
	if err := c.begin(); err != nil {
		return nil, err
	}
	captured := a.capture(c, current.ref, amount)
	a.emit(c, eventChargeCaptured, captured)
	a.feed.add(c.origin(), captured.ref)
	return c.expanded(captured, e), nil
}

func listChargeRefunds(c *call) (any, *apiError) {
	q := readListQuery(c, kindRefund)
	if err := c.params.done(); err != nil {
		return nil, err
	}
	found, err := c.chargeInPath()
	if err != nil {
		return nil, err
	}
	return q.page(c, c.account.refundsOf(found), c.account.refunds.created, nil)
}

func updateRefund(c *call) (any, *apiError) {
	p, a := c.params, c.account
	found, err := c.refundInPath()
	if err != nil {
		return nil, err
	}
	release, err := a.locks.acquire(kindRefund, found.ref)
	if err != nil {
		return nil, err
	}
	defer release()

	next := *a.refunds.get(found.ref)
	next.metadata = p.metadata(next.metadata)
	e := p.expand(kindRefund)
	if err := p.done(); err != nil {
		return nil, err
	}
	if err := c.begin(); err != nil {
		return nil, err
	}
	a.refunds.set(next.ref, &next)
	a.emit(c, eventRefundUpdated, &next)
	return c.expanded(&next, e), nil
}
