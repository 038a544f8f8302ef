package stripesim

import (
	"fmt"
)

// The operations that can take the money of a PaymentIntent.
const (
	opCreateIntent  = "payment_intents.create"
	opConfirmIntent = "payment_intents.confirm"
)

func intentRoutes() []route {
	return []route{
		{"POST /v1/payment_intents", opCreateIntent, createIntent},
		{"GET /v1/payment_intents", "payment_intents.list", listIntents},
		{"GET /v1/payment_intents/{id}", "payment_intents.retrieve", retrieveIntent},
		{"POST /v1/payment_intents/{id}", "payment_intents.update", updateIntent},
		{"POST /v1/payment_intents/{id}/confirm", opConfirmIntent, confirmIntent},
		{"POST /v1/payment_intents/{id}/cancel", "payment_intents.cancel", cancelIntent},
		{"POST /v1/payment_intents/{id}/capture", "payment_intents.capture", captureIntent},
		{"GET /v1/payment_intents/search", "payment_intents.search", searchIntents},
	}
}

func createIntent(c *call) (view, *apiError) {
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
			p.fail(errInvalid("", name, fmt.Sprintf("You cannot set `%s` without `confirm=true`: "+
				"it describes the confirmation.", name)))
		}
	}
	if err := c.done(kindIntent); err != nil {
		return nil, err
	}
	if err := r.resolve(c, &next); err != nil {
		return nil, err
	}
	if !confirm {
		if err := c.begin(); err != nil {
			return nil, err
		}
		return c.expanded(a.addIntent(c, next, r.method, nil)), nil
	}
	if r.method == nil {
		return nil, errNothingToConfirm(nil)
	}
	m, releaseMethod, err := c.lockPayer(r.method)
	if err != nil {
		return nil, err
	}
	defer releaseMethod()
	if err := c.begin(); err != nil {
		return nil, err
	}

	// It is created locked, so nobody else can confirm or cancel it before its outcome is known.
	m = a.saved(m)
	var release func()
	created := a.addIntent(c, next, m, &release)
	defer release()
	confirmed, err := a.take(c, created, m, s)
	if err != nil {
		return nil, err
	}
	return c.expanded(confirmed), nil
}

// confirmIntent takes the money of an existing PaymentIntent. It holds the PaymentIntent's lock
// from the first look at its status to the last write, so the PaymentIntent succeeds at most once.
func confirmIntent(c *call) (view, *apiError) {
	p, a := c.params, c.account
	current, release, err := a.intents.lockInPath(c)
	if err != nil {
		return nil, err
	}
	defer release()

	next := *current
	d := next.details.copy()
	r := intentRefs{methodID: p.text("payment_method"), newMethod: readMethodData(p)}
	s := readConfirmation(p)
	readCapture(p, &next.capture)
	if types := readTypes(p); types != nil {
		d.types = types
	}
	p.email("receipt_email", &d.receiptEmail)
	readFutureUsage(p, &d)
	if q := p.object("shipping"); q != nil {
		d.shipping = readShipping(q)
	}
	s.check(p, &d)
	p.text("client_secret")
	p.refuse("mandate_data", "payment_method_options", "radar_options")
	if err := c.done(kindIntent); err != nil {
		return nil, err
	}
	next.details = d.orNil()
	if err := current.confirmable(); err != nil {
		return nil, err
	}
	if err := r.resolve(c, &next); err != nil {
		return nil, err
	}
	if r.method == nil {
		r.method = a.methods.get(next.method)
	}
	if r.method == nil {
		return nil, errNothingToConfirm(current)
	}
	m, releaseMethod, err := c.lockPayer(r.method)
	if err != nil {
		return nil, err
	}
	defer releaseMethod()
	if err := c.begin(); err != nil {
		return nil, err
	}
	m = a.saved(m)
	next.method = m.ref
	confirmed, err := a.take(c, &next, m, s)
	if err != nil {
		return nil, err
	}
	return c.expanded(confirmed), nil
}

func retrieveIntent(c *call) (view, *apiError) {
	c.params.text("client_secret")
	return retrieve(kindIntent)(c)
}

func listIntents(c *call) (view, *apiError) {
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

func updateIntent(c *call) (view, *apiError) {
	p, a := c.params, c.account
	current, release, err := a.intents.lockInPath(c)
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
	if err := c.done(kindIntent); err != nil {
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
		owned.add(&owned.intents, next.ref)
	}
	a.intents.set(next.ref, &next)
	return c.expanded(&next), nil
}

func cancelIntent(c *call) (view, *apiError) {
	p, a := c.params, c.account
	reason := p.choice("cancellation_reason", "abandoned", "duplicate", "fraudulent",
		"requested_by_customer")
	if err := c.done(kindIntent); err != nil {
		return nil, err
	}
	current, release, err := a.intents.lockInPath(c)
	if err != nil {
		return nil, err
	}
	defer release()

	switch current.status {
	case succeeded, canceled:
		return nil, errWrongStatus(current, "You cannot cancel this PaymentIntent", "canceled",
			"requires_payment_method, requires_capture, requires_confirmation, requires_action, "+
				"processing")
	}
	if err := c.begin(); err != nil {
		return nil, err
	}
	return c.expanded(a.cancel(c, current, reason)), nil
}

func captureIntent(c *call) (view, *apiError) {
	p, a := c.params, c.account
	amount := readAmount(p, "amount_to_capture", false)
	p.flag("final_capture")
	current, release, err := a.intents.lockInPath(c)
	if err != nil {
		return nil, err
	}
	defer release()
	next := *current
	next.metadata = p.metadata(next.metadata)
	p.refuse("application_fee_amount", "statement_descriptor", "statement_descriptor_suffix",
		"transfer_data")
	if err := c.done(kindIntent); err != nil {
		return nil, err
	}

	if current.status != needsCapture {
		return nil, errWrongStatus(current, "This PaymentIntent could not be captured",
			"captured", "requires_capture")
	}
	if amount > current.capturable {
		e := errInvalid("amount_too_large", "", fmt.Sprintf(
			"The amount to capture (%s) is greater than the amount that can be captured (%s).",
			money(amount, current.currency), money(current.capturable, current.currency)))
		e.intent = current
		return nil, e
	}
	if amount == 0 {
		amount = current.capturable
	}
	if err := c.begin(); err != nil {
		return nil, err
	}
	charged := a.capture(current.charge, amount)
	next.status, next.capturable, next.received = succeeded, 0, amount
	a.intents.set(next.ref, &next)
	a.emit(c, eventChargeCaptured, charged)
	a.emit(c, eventIntentSucceeded, &next)
	a.took(c, charged)
	return c.expanded(&next), nil
}

func searchIntents(c *call) (view, *apiError) {
	return c.account.intents.search(c, func(i *intent) fields {
		return func(name string) (value string, number, known bool) {
			if name == "status" {
				return i.status, false, true
			}
			return c.account.paymentField(name, i.amount, i.created, i.currency, i.customer,
				i.metadata)
		}
	})
}
