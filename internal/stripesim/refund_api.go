package stripesim

import "fmt"

func refundRoutes() []route {
	return []route{
		{"POST /v1/refunds", "refunds.create", createRefund},
		{"GET /v1/refunds", "refunds.list", listRefunds},
		{"GET /v1/refunds/{id}", "refunds.retrieve", retrieve(kindRefund)},
		{"POST /v1/refunds/{id}", "refunds.update", updateRefund},
		{"POST /v1/refunds/{id}/cancel", "refunds.cancel", cancelRefund},
	}
}

func createRefund(c *call) (view, *apiError) {
	p, a := c.params, c.account
	chargeID, intentID := p.text("charge"), p.text("payment_intent")
	amount, sent := readAmount(p, "amount", false), p.has("amount")
	next := refund{metadata: p.metadata(nil)}
	next.reason = p.choice("reason", "duplicate", "fraudulent", "requested_by_customer")
	p.flag("refund_application_fee")
	p.flag("reverse_transfer")
	p.text("instructions_email")
	if chargeID == "" && intentID == "" {
		p.fail(errInvalid("parameter_missing", "charge", "One of the following params should be "+
			"provided for this request: payment_intent or charge."))
	}
	if err := c.done(kindRefund); err != nil {
		return nil, err
	}
	r, err := a.refundTarget(chargeID, intentID)
	if err != nil {
		return nil, err
	}
	release, err := a.charges.lock(a, r)
	if err != nil {
		return nil, err
	}
	defer release()

	o := *a.charges.get(r)
	if !sent {
		amount = o.refundable()
	}
	if err := a.refundable(&o, amount); err != nil {
		return nil, err
	}
	if err := c.begin(); err != nil {
		return nil, err
	}
	next.charge, next.intent, next.amount, next.currency = o.ref, o.intent, amount, o.currency
	return c.expanded(a.refund(c, &o, next)), nil
}

func listRefunds(c *call) (view, *apiError) {
	q := readListQuery(c, kindRefund)
	o, filtered, err := c.chargeInFilter()
	if err != nil {
		return nil, err
	}
	list := everything(c.account.refunds.len())
	if filtered {
		list = c.account.refundsOf(o)
	}
	return q.page(c, list, c.account.refunds.created, nil)
}

// chargeInFilter reads the last parameters of a list: the charge that it is filtered by, directly
// or by its PaymentIntent; nil if that has none.
func (c *call) chargeInFilter() (o *charge, filtered bool, err *apiError) {
	chargeID, intentID := c.params.text("charge"), c.params.text("payment_intent")
	if err := c.params.done(); err != nil || chargeID+intentID == "" {
		return nil, false, err
	}
	if chargeID != "" {
		o, err = c.account.charges.named(chargeID, "charge")
		return o, true, err
	}
	i, err := c.account.intents.named(intentID, "payment_intent")
	if err == nil {
		o = c.account.charges.get(i.charge) // only the last charge can have succeeded
	}
	return o, true, err
}

func updateRefund(c *call) (view, *apiError) {
	p, a := c.params, c.account
	current, release, err := a.refunds.lockInPath(c)
	if err != nil {
		return nil, err
	}
	defer release()

	next := *current
	next.metadata = p.metadata(next.metadata)
	if err := c.done(kindRefund); err != nil {
		return nil, err
	}
	if err := c.begin(); err != nil {
		return nil, err
	}
	a.refunds.set(next.ref, &next)
	a.emitUpdate(c, eventRefundUpdated, current, &next)
	return c.expanded(&next), nil
}

// cancelRefund cancels a refund that the bank has not decided on.
func cancelRefund(c *call) (view, *apiError) {
	if err := c.done(kindRefund); err != nil {
		return nil, err
	}
	current, release, err := c.account.refunds.lockInPath(c)
	if err != nil {
		return nil, err
	}
	defer release()
	if current.status != refundPending {
		return nil, errInvalid("", "", fmt.Sprintf("The refund %s cannot be canceled because its "+
			"status is %s: only a pending one can.", c.account.ids.id(kindRefund, current.ref),
			current.status))
	}
	if err := c.begin(); err != nil {
		return nil, err
	}
	return c.expanded(c.account.endRefund(c, current, canceled)), nil
}
