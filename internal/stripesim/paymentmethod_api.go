package stripesim

import (
	"cmp"
	"net/http"
)

var methodRoutes = []route{
	{"POST /v1/payment_methods", "payment_methods.create", createMethod},
	{"GET /v1/payment_methods", "payment_methods.list", list(kindMethod, filterMethods)},
	{"GET /v1/payment_methods/{id}", "payment_methods.retrieve", retrieveMethod},
	{"POST /v1/payment_methods/{id}", "payment_methods.update", updateMethod},
	{"POST /v1/payment_methods/{id}/attach", "payment_methods.attach", attachMethod},
	{"POST /v1/payment_methods/{id}/detach", "payment_methods.detach", detachMethod},
	{"GET /v1/customers/{id}/payment_methods", "customers.list_payment_methods",
		list(kindMethod, filterMethods)},
	{"GET /v1/customers/{id}/payment_methods/{method}", "customers.retrieve_payment_method",
		retrieveCustomerMethod},
}

func createMethod(c *call) view {
	p, a := c.params, c.account
	p.choice("type", "card")
	if !p.has("type") {
		p.missing("type")
	}
	next := paymentMethod{card: readCard(p), metadata: p.metadata(nil)}
	next.billing = readBilling(p, nil)
	c.done(kindMethod)
	c.begin()
	return a.saved(&next)
}

// readCard reads card[number] or card[token]; nil if there is a problem, which done reports.
func readCard(p *params) *card {
	q := p.object("card")
	if q == nil {
		p.missing("card")
		return nil
	}
	if token := q.text("token"); token != "" {
		c, ok := tokenCard(token)
		if !ok {
			p.fail(errNoToken(token, "card[token]"))
		}
		return c
	}
	number := q.required("number")
	month, _ := q.integer("exp_month", 1)
	year, _ := q.integer("exp_year", 1)
	q.text("cvc")
	c, ok := numberCard(number)
	if !ok {
		p.fail(errCard("incorrect_number", "number", "Your card number is incorrect."))
		return nil
	}
	c.expMonth, c.expYear = month, year
	for _, name := range []string{"exp_month", "exp_year"} {
		if !q.has(name) {
			q.missing(name)
		}
	}
	if month > 12 {
		p.fail(errCard("invalid_expiry_month", "exp_month",
			"Your card's expiration month is invalid."))
	}
	return c
}

func readBilling(p *params, old *billing) *billing {
	q := p.object("billing_details")
	if q == nil {
		return old
	}
	var b billing
	if old != nil {
		b = *old
	}
	if r := q.object("address"); r != nil {
		b.address = *cmp.Or(readAddress(r, &b.address), &address{})
	}
	q.email("email", &b.email)
	q.update("name", &b.name)
	q.update("phone", &b.phone)
	return &b
}

func (c *call) methodInPath() *paymentMethod {
	return c.account.method(c.http.PathValue("id"), http.StatusNotFound)
}

// retrieveMethod answers a test name, too, each time with a fresh payment method, as Stripe does.
func retrieveMethod(c *call) view {
	c.done(kindMethod)
	return c.account.saved(c.methodInPath())
}

func attachMethod(c *call) view {
	p, a := c.params, c.account
	customerID := p.required("customer")
	c.done(kindMethod)
	m, owner := c.methodInPath(), c.customer(customerID)
	m = c.lockMethod(m, owner.ref)
	if a.customers.get(owner.ref).deleted { // while this request waited for the lock
		refuse(errNoSuch(kindCustomer, customerID, "customer", http.StatusBadRequest))
	}
	refuse(m.attachable(owner.ref))
	c.begin()
	refuse(m.card.refusesAttach())
	return a.attach(c, m, owner)
}

func updateMethod(c *call) view {
	p, a := c.params, c.account
	m := c.lockMethod(c.methodInPath(), 0)
	next := *m
	next.billing = readBilling(p, next.billing)
	next.metadata = p.metadata(next.metadata)
	if q := p.object("card"); q != nil {
		updated := *next.card
		if month, sent := q.integer("exp_month", 1); sent {
			updated.expMonth = month
		}
		if year, sent := q.integer("exp_year", 1); sent {
			updated.expYear = year
		}
		next.card = &updated
	}
	c.done(kindMethod)
	if next.customer == 0 {
		refuse(errInvalid("", "", "You must save this PaymentMethod to a customer "+
			"before you can update it."))
	}
	return a.methods.update(c, "payment_method.updated", m, &next)
}

func detachMethod(c *call) view {
	a := c.account
	c.done(kindMethod)
	m := c.methodInPath()
	m = c.lockMethod(m, m.customer)
	if m.customer == 0 {
		refuse(errInvalid("", "", "The payment method you provided is not attached to "+
			"a customer so detachment is impossible."))
	}
	c.begin()
	return a.detach(c, m.ref, m.customer)
}

// filterMethods reads the customer whose cards a list shows, under the cards' own path or under the
// customer's. Stripe has no list of all.
func filterMethods(c *call, q *listQuery) {
	a, p := c.account, c.params
	typ := p.choice("type", methodTypes()...)
	var owner *customer
	if c.http.PathValue("id") != "" {
		owner = a.customers.inPath(c)
	} else {
		owner = c.customer(p.text("customer"))
	}
	q.only(nil)
	if owner != nil && (typ == "" || typ == "card") {
		q.only(owner.owned.list(&owner.owned.methods))
	}
	q.keep(func(r ref) bool { return a.methods.get(r).customer == owner.ref })
}

func retrieveCustomerMethod(c *call) view {
	c.done(kindMethod)
	owner := c.account.customers.inPath(c)
	id := c.http.PathValue("method")
	m := c.account.methods.find(id)
	if m == nil || m.customer != owner.ref {
		refuse(errNoSuch(kindMethod, id, "payment_method", http.StatusNotFound))
	}
	return m
}

// readMethodData reads a card that is given instead of a saved one.
func readMethodData(p *params) *paymentMethod {
	q := p.object("payment_method_data")
	if q == nil {
		return nil
	}
	q.choice("type", "card")
	return &paymentMethod{card: readCard(q), billing: readBilling(q, nil),
		metadata: q.metadata(nil)}
}
