package stripesim

const opCreateCharge = "charges.create"

var chargeRoutes = []route{
	{"POST /v1/charges", opCreateCharge, createCharge},
	{"GET /v1/charges", "charges.list", list(kindCharge, filterCharges)},
	{"GET /v1/charges/{id}", "charges.retrieve", retrieve(kindCharge)},
	{"POST /v1/charges/{id}", "charges.update", updateCharge},
	{"POST /v1/charges/{id}/capture", "charges.capture", captureCharge},
	{"GET /v1/charges/{id}/refunds", "charges.list_refunds", list(kindRefund, refundsOfCharge)},
	{"GET /v1/charges/search", "charges.search", search(kindCharge)},
}

// createCharge serves the API that PaymentIntents replaced, for cards that come as a token. No
// PaymentIntent protects such a charge: only its idempotency key does.
func createCharge(c *call) view {
	p, a := c.params, c.account
	next := charge{captured: true}
	next.amount, next.currency = readPrice(p)
	customerID, source := p.text("customer"), p.text("source")
	if p.has("capture") {
		next.captured = p.flag("capture")
	}
	readChargeDetails(p, &next)
	p.refuse("application_fee", "application_fee_amount", "card", "destination", "on_behalf_of",
		"radar_options", "transfer_data")
	c.done(kindCharge)
	owner := c.customer(customerID)
	if owner != nil {
		next.customer = owner.ref
	}
	paid, known := tokenCard(source)
	switch {
	case source == "" && owner != nil:
		refuse(errCard("missing", "card", "Cannot charge a customer that has no active card"))
	case source == "":
		refuse(errInvalid("parameter_missing", "source",
			"Must provide source or customer."))
	case !known:
		refuse(errNoToken(source, "source"))
	}
	c.begin()

	next.method = a.saved(&paymentMethod{card: paid, spent: true})
	if next.failure = paid.declines(); next.failure != nil {
		next.captured = false
		failed := a.addCharge(next)
		a.emit(c, "charge.failed", failed)
		answer := *next.failure
		answer.charge = failed.ref
		refuse(&answer)
	}
	made := a.addCharge(next)
	a.emit(c, "charge.succeeded", made)
	if made.captured {
		a.took(c, made)
	}
	return made
}

// readChargeDetails reads the parameters that create and update share.
func readChargeDetails(p *params, o *charge) {
	d := o.details.copy()
	p.update("description", &d.description)
	p.email("receipt_email", &d.receiptEmail)
	p.update("transfer_group", &d.transferGroup)
	p.update("statement_descriptor", &d.descriptor)
	p.update("statement_descriptor_suffix", &d.descriptorSuffix)
	if q := p.object("shipping"); q != nil {
		d.shipping = readShipping(q)
	}
	o.details = d.orNil()
	o.metadata = p.metadata(o.metadata)
}

func filterCharges(c *call, q *listQuery) {
	a := c.account
	if i := a.intents.filter(c, "payment_intent"); i != nil {
		q.only(a.chargesOf(i))
	}
	q.ofCustomer(c, func(o *ownership) *[]ref { return &o.charges },
		func(r ref) ref { return a.charges.get(r).customer })
	if group := c.params.text("transfer_group"); group != "" {
		q.keep(func(r ref) bool { return a.charges.get(r).details.copy().transferGroup == group })
	}
}

func updateCharge(c *call) view {
	p, a := c.params, c.account
	current := a.charges.lockInPath(c)
	next := *current
	readChargeDetails(p, &next)
	p.refuse("customer", "fraud_details")
	c.done(kindCharge)
	return a.charges.update(c, "charge.updated", current, &next)
}

func captureCharge(c *call) view {
	p, a := c.params, c.account
	current := a.charges.lockInPath(c)
	amount := readAmount(p, "amount", false)
	p.refuse("application_fee", "application_fee_amount", "receipt_email", "statement_descriptor",
		"statement_descriptor_suffix", "transfer_data", "transfer_group")
	c.done(kindCharge)
	refuse(current.capturable(a.ids.id(kindCharge, current.ref), amount))
	if amount == 0 {
		amount = current.amount
	}
	c.begin()
	captured := a.capture(current.ref, amount)
	a.emit(c, "charge.captured", captured)
	a.took(c, captured)
	return captured
}

func refundsOfCharge(c *call, q *listQuery) {
	q.only(c.account.refundsOf(c.account.charges.inPath(c)))
}
