package stripesim

import "example.com/triplecharge/internal/money"

// The operations that can take the money of a PaymentIntent.
const (
	opCreateIntent  = "payment_intents.create"
	opConfirmIntent = "payment_intents.confirm"
)

var intentRoutes = []route{
	{"POST /v1/payment_intents", opCreateIntent, createIntent},
	{"GET /v1/payment_intents", "payment_intents.list", list(kindIntent, filterIntents)},
	{"GET /v1/payment_intents/{id}", "payment_intents.retrieve", retrieveIntent},
	{"POST /v1/payment_intents/{id}", "payment_intents.update", updateIntent},
	{"POST /v1/payment_intents/{id}/confirm", opConfirmIntent, confirmIntent},
	{"POST /v1/payment_intents/{id}/cancel", "payment_intents.cancel", cancelIntent},
	{"POST /v1/payment_intents/{id}/capture", "payment_intents.capture", captureIntent},
	{"GET /v1/payment_intents/search", "payment_intents.search", search(kindIntent)},
}

func createIntent(c *call) view {
	p, a := c.params, c.account
	next := intent{capture: captureAuto}
	next.amount, next.currency = readPrice(p)
	r := readIntent(c, &next)
	confirm := p.flag("confirm")
	s := readConfirmation(p)
	if confirm {
		s.check(p, next.details)
	}
	for _, name := range confirmationOnly {
		if !confirm && p.has(name) {
			p.fail(errInvalid("", name, "You cannot set `%s` without `confirm=true`: "+
				"it describes the confirmation.", name))
		}
	}
	c.done(kindIntent)
	r.resolve(c, &next)
	if !confirm {
		c.begin()
		return a.addIntent(c, next, r.method, unlocked)
	}
	if r.method == nil {
		refuse(errNothingToConfirm(nil))
	}
	m := c.lockPayer(r.method)
	c.begin()

	// It is created locked, so nobody else can confirm or cancel it before its outcome is known.
	m = a.saved(m)
	return a.take(c, a.addIntent(c, next, m, locked), m, s)
}

// confirmIntent takes the money of an existing PaymentIntent. It holds the PaymentIntent's lock
// from the first look at its status to the last write, so the PaymentIntent succeeds at most once.
func confirmIntent(c *call) view {
	p, a := c.params, c.account
	current := a.intents.lockInPath(c)
	next := *current
	d := next.details.copy()
	r := intentRefs{methodID: p.text("payment_method"), newMethod: readMethodData(p)}
	s := readConfirmation(p)
	readPayment(p, &d, &next.capture)
	s.check(p, &d)
	p.text("client_secret")
	p.refuse("mandate_data", "payment_method_options", "radar_options")
	c.done(kindIntent)
	next.details = d.orNil()
	refuse(current.confirmable())
	r.resolve(c, &next)
	if r.method == nil {
		r.method = a.methods.get(next.method)
	}
	if r.method == nil {
		refuse(errNothingToConfirm(current))
	}
	m := c.lockPayer(r.method)
	c.begin()
	m = a.saved(m)
	next.method = m.ref
	return a.take(c, &next, m, s)
}

func retrieveIntent(c *call) view {
	c.params.text("client_secret")
	return retrieve(kindIntent)(c)
}

func filterIntents(c *call, q *listQuery) {
	// An update may have moved one to another customer.
	q.ofCustomer(c, func(o *ownership) *[]ref { return &o.intents },
		func(r ref) ref { return c.account.intents.get(r).customer })
}

func updateIntent(c *call) view {
	p, a := c.params, c.account
	current := a.intents.lockInPath(c)
	next := *current
	if p.has("amount") {
		next.amount = readAmount(p, "amount", false)
	}
	if p.has("currency") {
		next.currency = readCurrency(p)
	}
	checkMinimum(p, next.amount, next.currency)
	r := readIntent(c, &next)
	c.done(kindIntent)
	refuse(current.updatable(p))
	r.resolve(c, &next)
	c.begin()
	if r.method != nil {
		next.method = a.saved(r.method).ref
		if next.status == needsMethod || next.status == needsAction {
			next.status = needsConfirm
		}
	}
	if next.customer != current.customer {
		owned := a.customers.get(next.customer).owned
		owned.add(&owned.intents, next.ref)
	}
	a.intents.set(next.ref, &next)
	return &next
}

func cancelIntent(c *call) view {
	p, a := c.params, c.account
	reason := p.choice("cancellation_reason", "abandoned", "duplicate", "fraudulent",
		"requested_by_customer")
	c.done(kindIntent)
	current := a.intents.lockInPath(c)
	switch current.status {
	case succeeded, canceled:
		refuse(errWrongStatus(current, "You cannot cancel this PaymentIntent", "canceled",
			"requires_payment_method, requires_capture, requires_confirmation, requires_action, "+
				"processing"))
	}
	c.begin()
	return a.cancel(c, current, reason)
}

func captureIntent(c *call) view {
	p, a := c.params, c.account
	amount := readAmount(p, "amount_to_capture", false)
	p.flag("final_capture")
	current := a.intents.lockInPath(c)
	next := *current
	next.metadata = p.metadata(next.metadata)
	p.refuse("application_fee_amount", "statement_descriptor", "statement_descriptor_suffix",
		"transfer_data")
	c.done(kindIntent)

	if current.status != needsCapture {
		refuse(errWrongStatus(current, "This PaymentIntent could not be captured",
			"captured", "requires_capture"))
	}
	if amount > current.capturable {
		e := errInvalid("amount_too_large", "",
			"The amount to capture (%s) is greater than the amount that can be captured (%s).",
			money.Amount(amount, current.currency),
			money.Amount(current.capturable, current.currency))
		e.intent = current
		refuse(e)
	}
	if amount == 0 {
		amount = current.capturable
	}
	c.begin()
	charged := a.capture(current.charge, amount)
	next.status, next.capturable, next.received = succeeded, 0, amount
	a.intents.set(next.ref, &next)
	a.emit(c, "charge.captured", charged)
	a.emit(c, "payment_intent.succeeded", &next)
	a.took(c, charged)
	return &next
}
