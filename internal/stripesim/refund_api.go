package stripesim

var refundRoutes = []route{
	{"POST /v1/refunds", "refunds.create", createRefund},
	{"GET /v1/refunds", "refunds.list", list(kindRefund, filterRefunds)},
	{"GET /v1/refunds/{id}", "refunds.retrieve", retrieve(kindRefund)},
	{"POST /v1/refunds/{id}", "refunds.update", updateRefund},
	{"POST /v1/refunds/{id}/cancel", "refunds.cancel", cancelRefund},
}

func createRefund(c *call) view {
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
	c.done(kindRefund)
	r := a.refundTarget(chargeID, intentID)
	c.keeps(a.charges.lock(a, r))
	o := *a.charges.get(r)
	if !sent {
		amount = o.refundable()
	}
	refuse(a.refundable(&o, amount))
	c.begin()
	next.charge, next.intent, next.amount, next.currency = o.ref, o.intent, amount, o.currency
	return a.refund(c, &o, next)
}

func filterRefunds(c *call, q *listQuery) { q.ofCharge(c, c.account.refundsOf) }

func updateRefund(c *call) view {
	p, a := c.params, c.account
	current := a.refunds.lockInPath(c)
	next := *current
	next.metadata = p.metadata(next.metadata)
	c.done(kindRefund)
	return a.refunds.update(c, "refund.updated", current, &next)
}

// cancelRefund cancels a refund that the bank has not decided on.
func cancelRefund(c *call) view {
	c.done(kindRefund)
	current := c.account.refunds.lockInPath(c)
	if current.status != refundPending {
		refuse(errInvalid("", "", "The refund %s cannot be canceled because its "+
			"status is %s: only a pending one can.", c.account.ids.id(kindRefund, current.ref),
			current.status))
	}
	c.begin()
	return c.account.endRefund(c, current, canceled)
}
