package stripesim

import "net/http"

var customerRoutes = []route{
	{"POST /v1/customers", "customers.create", createCustomer},
	{"GET /v1/customers", "customers.list", list(kindCustomer, filterCustomers)},
	{"GET /v1/customers/{id}", "customers.retrieve", retrieve(kindCustomer)},
	{"POST /v1/customers/{id}", "customers.update", updateCustomer},
	{"DELETE /v1/customers/{id}", "customers.delete", deleteCustomer},
	{"GET /v1/customers/search", "customers.search", search(kindCustomer)},
}

func createCustomer(c *call) view {
	p, a := c.params, c.account
	next := customer{taxExempt: "none"}
	readCustomer(p, &next)
	method := p.text("payment_method")
	defaultMethod := readInvoiceSettings(p)
	c.done(kindCustomer)
	next.owned = new(ownership)
	var m *paymentMethod
	if method != "" {
		m = c.lockMethod(a.method(method, http.StatusBadRequest), 0)
		refuse(m.attachable(0))
	}
	if defaultMethod != nil && *defaultMethod != method {
		refuse(errNotTheirs(*defaultMethod))
	}
	c.begin()
	if m == nil {
		return a.addCustomer(c, next)
	}
	refuse(m.card.refusesAttach())
	created := a.addCustomer(c, next)
	attached := a.attach(c, m, created)
	if defaultMethod != nil {
		withDefault := *created
		withDefault.defaultMethod = attached.ref
		created = &withDefault
		a.customers.set(created.ref, created)
	}
	return created
}

// readCustomer reads the parameters that create and update share.
func readCustomer(p *params, c *customer) {
	p.update("description", &c.description)
	p.email("email", &c.email)
	p.update("name", &c.name)
	p.update("phone", &c.phone)
	if balance, sent := p.optional("balance"); sent && balance != "" {
		c.balance, _ = p.integer("balance", -maxAmount)
	}
	if exempt, sent := p.optional("tax_exempt"); sent && exempt != "" {
		c.taxExempt = p.choice("tax_exempt", "none", "exempt", "reverse")
	}
	if p.has("preferred_locales") {
		c.locales = p.list("preferred_locales")
	}
	if q := p.object("address"); q != nil {
		c.address = readAddress(q, c.address)
	}
	if q := p.object("shipping"); q != nil {
		c.shipping = readShipping(q)
	}
	c.metadata = p.metadata(c.metadata)
	p.refuse("cash_balance", "coupon", "default_source", "invoice_prefix",
		"next_invoice_sequence", "promotion_code", "source", "tax", "tax_id_data", "test_clock")
}

// readInvoiceSettings returns the default payment method that was sent, nil if none was.
func readInvoiceSettings(p *params) *string {
	q := p.object("invoice_settings")
	if q == nil {
		return nil
	}
	q.refuse("custom_fields", "footer", "rendering_options")
	if id, sent := q.optional("default_payment_method"); sent {
		return &id
	}
	return nil
}

// lockCustomer is lockInPath for a customer who must not be deleted.
func (c *call) lockCustomer() *customer {
	current := c.account.customers.lockInPath(c)
	if current.deleted {
		refuse(errNoSuch(kindCustomer, c.http.PathValue("id"), "id", http.StatusNotFound))
	}
	return current
}

// customer returns the customer that the parameter names, nil if it was not sent.
func (c *call) customer(id string) *customer {
	if id == "" {
		return nil
	}
	a := c.account
	found := a.customers.get(a.named(kindCustomer, id, "customer", http.StatusBadRequest))
	if found.deleted {
		refuse(errNoSuch(kindCustomer, id, "customer", http.StatusBadRequest))
	}
	return found
}

func updateCustomer(c *call) view {
	p, a := c.params, c.account
	current := c.lockCustomer()
	next := *current
	readCustomer(p, &next)
	defaultMethod := readInvoiceSettings(p)
	c.done(kindCustomer)
	if defaultMethod != nil {
		next.defaultMethod = 0
		if *defaultMethod != "" {
			m := a.methods.find(*defaultMethod)
			if m == nil || m.customer != next.ref {
				refuse(errNotTheirs(*defaultMethod))
			}
			next.defaultMethod = m.ref
		}
	}
	return a.customers.update(c, "customer.updated", current, &next)
}

func deleteCustomer(c *call) view {
	a := c.account
	c.params.done()
	current := c.lockCustomer()
	c.begin()
	for _, r := range current.owned.list(&current.owned.methods) {
		c.keeps(a.locks.acquire(kindMethod, r))
		a.detach(c, r, current.ref)
	}
	next := customer{head: current.head, deleted: true, owned: current.owned}
	a.customers.set(next.ref, &next)
	a.emit(c, "customer.deleted", current)
	return &next
}

func filterCustomers(c *call, q *listQuery) {
	a, email := c.account, c.params.text("email")
	q.keep(func(r ref) bool {
		o := a.customers.get(r)
		return !o.deleted && (email == "" || o.email == email)
	})
}
