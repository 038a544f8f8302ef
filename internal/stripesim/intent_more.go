package stripesim

import (
	"fmt"
	"net/http"
)

func retrieveIntent(c *call) (any, *apiError) {
	c.params.text("client_secret")
	e := c.params.expand(kindIntent)
	if err := c.params.done(); err != nil {
		return nil, err
	}
	found, err := c.intentInPath()
	if err != nil {
		return nil, err
	}
	return c.expanded(found, e), nil
}

func listIntents(c *call) (any, *apiError) {
	a := c.account
	q := readListQuery(c, kindIntent)
	customerID := c.params.text("customer")
	if err := c.params.done(); err != nil {
		return nil, err
	}
	owner, err := c.ownerInFilter(customerID)
	if err != nil {
		return nil, err
	}
	if owner == nil {
		return q.page(c, everything(a.intents.len()), a.intents.created, nil)
	}
	list := refs(owner.owned.list(&owner.owned.intents))
	return q.page(c, list, a.intents.created, func(r ref) bool {
		return a.intents.get(r).customer == owner.ref // an update may have moved it
	})
}

// lockedIntent is the PaymentIntent the path names, as it is under its lock.
func (c *call) lockedIntent() (i *intent, release func(), err *apiError) {
	found, err := c.intentInPath()
	if err != nil {
		return nil, nil, err
	}
	release, err = c.account.locks.acquire(kindIntent, found.ref)
	if err != nil {
		return nil, nil, err
	}
	return c.account.intents.get(found.ref), release, nil
}

func updateIntent(c *call) (any, *apiError) {
	p, a := c.params, c.account
	current, release, err := c.lockedIntent()
	if err != nil {
		return nil, err
	}
	defer release()

	next := *current
	if p.has("amount") {
		next.amount = readAmount(p, "amount", false)
	}
	if p.has("currency") {
		next.currency = readCurrency(p)
	}
	checkMinimum(p, next.amount, next.currency)
	r := readIntent(c, &next)
	e := p.expand(kindIntent)
	if err := p.done(); err != nil {
		return nil, err
	}
	if err := current.updatable(p); err != nil {
		return nil, err
	}
	if err := r.resolve(c, &next); err != nil {
		return nil, err
	}
	if err := c.begin(); err != nil {
		return nil, err
	}
	if r.method != nil {
		next.method = a.saved(r.method).ref
		if next.status == needsMethod || next.status == needsAction {
			next.status = needsConfirm
		}
	}
	if next.customer != current.customer {
		owned := a.customers.get(next.customer).owned
		owned.addOnce(&owned.intents, next.ref)
	}
	a.intents.set(next.ref, &next)
	return c.expanded(&next, e), nil
}

// updatable says why a PaymentIntent that is under way or finished cannot be changed so: only its
// description, metadata and the like can.
func (i *intent) updatable(p *params) *apiError {
	switch i.status {
	case needsMethod, needsConfirm, needsAction:
		return nil
	}
	for _, f := range p.field.children {
		switch f.name {
		case "metadata", "description", "receipt_email", "shipping", "transfer_group", "expand",
			"setup_future_usage":
		default:
			return errUnexpectedState(i, fmt.Sprintf("This PaymentIntent's %s could not be "+
				"updated because it has a status of %s. You may only update the %s of a "+
				"PaymentIntent with one of the following statuses: requires_payment_method, "+
				"requires_confirmation, requires_action.", f.name, i.status, f.name))
		}
	}
	return nil
}

func cancelIntent(c *call) (any, *apiError) {
	p, a := c.params, c.account
	reason := p.choice("cancellation_reason", "abandoned", "duplicate", "fraudulent",
		"requested_by_customer")
	e := p.expand(kindIntent)
	if err := p.done(); err != nil {
		return nil, err
	}
	current, release, err := c.lockedIntent()
	if err != nil {
		return nil, err
	}
	defer release()

	switch current.status {
	case succeeded, canceled:
		return nil, errUnexpectedState(current, fmt.Sprintf("You cannot cancel this "+
			"PaymentIntent because it has a status of %s. Only a PaymentIntent with one of the "+
			"following statuses may be canceled: requires_payment_method, requires_capture, "+
			"requires_confirmation, requires_action, processing.", current.status))
	}
	if err := c.begin(); err != nil {
		return nil, err
	}
	next := *current
	if current.status == needsCapture {
		a.releaseAuthorization(c, current.charge)
	}
	d := next.detail()
	d.canceledAt, d.cancellationReason = a.clock.unix(), reason
	next.setDetail(d)
	next.status, next.capturable = canceled, 0
	a.intents.set(next.ref, &next)
	a.emit(c, eventIntentCanceled, &next)
	return c.expanded(&next, e), nil
}

// releaseAuthorization gives back what a card only had reserved.
func (a *account) releaseAuthorization(c *call, r ref) {
	next := *a.charges.get(r)
	next.refunded = next.amount
	a.charges.set(r, &next)
	a.emit(c, eventChargeRefunded, &next)
}

func captureIntent(c *call) (any, *apiError) {
	p, a := c.params, c.account
	amount := readAmount(p, "amount_to_capture", false)
	p.flag("final_capture")
	current, release, err := c.lockedIntent()
	if err != nil {
		return nil, err
	}
	defer release()
	next := *current
	next.metadata = p.metadata(next.metadata)
	p.refuse("application_fee_amount", "statement_descriptor", "statement_descriptor_suffix",
		"transfer_data")
	e := p.expand(kindIntent)
	if err := p.done(); err != nil {
		return nil, err
	}

	if current.status != needsCapture {
		return nil, errUnexpectedState(current, fmt.Sprintf("This PaymentIntent could not be "+
			"captured because it has a status of %s. Only a PaymentIntent with one of the "+
			"following statuses may be captured: requires_capture.", current.status))
	}
	if amount > current.capturable {
		return nil, &apiError{status: http.StatusBadRequest, typ: typeInvalid,
			code: "amount_too_large", param: "amount_to_capture", message: fmt.Sprintf(
				"The amount to capture (%s) is greater than the amount that can be captured (%s).",
				money(amount, current.currency), money(current.capturable, current.currency))}
	}
	if amount == 0 {
		amount = current.capturable
	}
	if err := c.begin(); err != nil {
		return nil, err
	}
	charged := a.capture(c, current.charge, amount)
	next.status, next.capturable, next.received = succeeded, 0, amount
	a.intents.set(next.ref, &next)
	a.emit(c, eventChargeCaptured, charged)
	a.emit(c, eventIntentSucceeded, &next)
	a.feed.add(c.origin(), charged.ref)
	return c.expanded(&next, e), nil
}

// capture takes money that was authorized, and gives the rest of the authorization back.
func (a *account) capture(c *call, r ref, amount int64) *charge {
	next := *a.charges.get(r)
	next.captured, next.taken, next.refunded = true, amount, next.amount-amount
	next.transaction = a.addTransaction(transaction{charge: r, amount: amount, fee: fee(amount),
		currency: next.currency, available: next.method.card.outcome.available})
	a.charges.set(r, &next)
	return &next
}
