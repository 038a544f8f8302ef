package stripesim

import "net/http"

func updateMethod(c *call) (any, *apiError) {
	p, a := c.params, c.account
	m, err := a.method(c.http.PathValue("id"), "payment_method", http.StatusNotFound)
	if err != nil {
		return nil, err
	}
	release, err := a.locks.acquire(kindMethod, m.ref)
	if err != nil {
		return nil, err
	}
	defer release()

	next := *m
	if m.ref != 0 {
		next = *a.methods.get(m.ref)
	}
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
	e := p.expand(kindMethod)
	if err := p.done(); err != nil {
		return nil, err
	}
	if next.customer == 0 {
		return nil, errInvalidParameter("", "You must save this PaymentMethod to a customer "+
			"before you can update it.")
	}
	if err := c.begin(); err != nil {
		return nil, err
	}
	a.methods.set(next.ref, &next)
	a.emit(c, eventMethodUpdated, &next)
	return c.expanded(&next, e), nil
}

func detachMethod(c *call) (any, *apiError) {
	a := c.account
	e := c.params.expand(kindMethod)
	if err := c.params.done(); err != nil {
		return nil, err
	}
	m, err := a.method(c.http.PathValue("id"), "payment_method", http.StatusNotFound)
	if err != nil {
		return nil, err
	}
	m, release, err := c.lockMethod(m, m.customer)
	if err != nil {
		return nil, err
	}
	defer release()

	if m.customer == 0 {
		return nil, errInvalidParameter("", "The payment method you provided is not attached to "+
			"a customer so detachment is impossible.")
	}
	if err := c.begin(); err != nil {
		return nil, err
	}
	next := a.detach(c, m.ref, m.customer)
	return c.expanded(next, e), nil
}

// detach takes a payment method from its customer, for good; nothing happens if it is not theirs
// any more. The caller holds the locks of both.
func (a *account) detach(c *call, r, owner ref) *paymentMethod {
	next := *a.methods.get(r)
	if next.customer != owner {
		return &next
	}
	next.customer, next.spent = 0, true
	a.methods.set(r, &next)
	if o := a.customers.get(owner); o != nil && o.defaultMethod == r {
		withoutDefault := *o
		withoutDefault.defaultMethod = 0
		a.customers.set(owner, &withoutDefault)
	}
	a.emit(c, eventMethodDetached, &next)
	return &next
}

// listMethods lists a customer's cards. Stripe has no list of all.
func listMethods(c *call) (any, *apiError) {
	q := readListQuery(c, kindMethod)
	id := c.params.text("customer")
	typ := c.params.choice("type", methodTypes()...)
	if err := c.params.done(); err != nil {
		return nil, err
	}
	if id == "" {
		return q.page(c, refs(nil), c.account.methods.created, nil)
	}
	owner, err := c.customer(id, "customer")
	if err != nil {
		return nil, err
	}
	return c.methodsOf(owner, q, typ)
}

// listCustomerMethods is the same list under the customer's own path.
func listCustomerMethods(c *call) (any, *apiError) {
	q := readListQuery(c, kindMethod)
	typ := c.params.choice("type", methodTypes()...)
	if err := c.params.done(); err != nil {
		return nil, err
	}
	owner, err := c.customerInPath()
	if err != nil {
		return nil, err
	}
	return c.methodsOf(owner, q, typ)
}

func (c *call) methodsOf(owner *customer, q listQuery, typ string) (any, *apiError) {
	a := c.account
	list := refs(owner.owned.list(&owner.owned.methods))
	return q.page(c, list, a.methods.created, func(r ref) bool {
		return a.methods.get(r).customer == owner.ref && (typ == "" || typ == "card")
	})
}

func retrieveCustomerMethod(c *call) (any, *apiError) {
	e := c.params.expand(kindMethod)
	if err := c.params.done(); err != nil {
		return nil, err
	}
	owner, err := c.customerInPath()
	if err != nil {
		return nil, err
	}
	id := c.http.PathValue("method")
	_, m := find(c.account, &c.account.methods, kindMethod, id)
	if m == nil || m.customer != owner.ref {
		return nil, errNoSuch(kindMethod, id, "payment_method", http.StatusNotFound)
	}
	return c.expanded(m, e), nil
}

// methodTypes are the types one may ask a list for; only cards are simulated, so that the list of
// any other is empty.
func methodTypes() []string {
	return []string{"card", "acss_debit", "affirm", "afterpay_clearpay", "alipay", "au_becs_debit",
		"bacs_debit", "bancontact", "blik", "boleto", "cashapp", "customer_balance", "eps", "fpx",
		"giropay", "grabpay", "ideal", "klarna", "konbini", "link", "oxxo", "p24", "paynow",
		"paypal", "pix", "promptpay", "revolut_pay", "sepa_debit", "sofort", "swish",
		"us_bank_account", "wechat_pay", "zip"}
}

func (w *writer) method(m *paymentMethod, e expansion) {
	w.id("id", kindMethod, m.ref)
	w.text("object", "payment_method")
	w.billing(m.billing)
	w.object("card", func() {
		w.text("brand", m.card.brand)
		w.object("checks", func() {
			w.null("address_line1_check", "address_postal_code_check", "cvc_check")
		})
		w.text("country", m.card.country)
		w.text("display_brand", m.card.brand)
		w.number("exp_month", m.card.expMonth)
		w.number("exp_year", m.card.expYear)
		w.text("fingerprint", m.card.fingerprint)
		w.text("funding", m.card.funding)
		w.null("generated_from")
		w.text("last4", m.card.last4)
		w.object("networks", func() {
			w.texts("available", m.card.brand)
			w.null("preferred")
		})
		w.object("three_d_secure_usage", func() { w.flag("supported", true) })
		w.null("wallet")
	})
	w.number("created", m.created)
	w.reference("customer", kindCustomer, m.customer, e)
	w.flag("livemode", false)
	w.metadata(m.metadata)
	w.text("type", "card")
}

func (w *writer) billing(b *billing) {
	if b == nil {
		b = &billing{}
	}
	at := b.address
	if at == nil {
		at = &address{}
	}
	w.object("billing_details", func() {
		w.address("address", at)
		w.textOrNull("email", b.email)
		w.textOrNull("name", b.name)
		w.textOrNull("phone", b.phone)
	})
}
