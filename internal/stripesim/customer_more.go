package stripesim

import (
	"fmt"
	"net/http"
)

func updateCustomer(c *call) (any, *apiError) {
	p, a := c.params, c.account
	found, err := c.customerInPath()
	if err != nil {
		return nil, err
	}
	release, err := a.locks.acquire(kindCustomer, found.ref)
	if err != nil {
		return nil, err
	}
	defer release()

	next := *a.customers.get(found.ref)
	if next.deleted {
		return nil, errNoSuch(kindCustomer, c.http.PathValue("id"), "id", http.StatusNotFound)
	}
	readCustomer(p, &next)
	defaultMethod := readInvoiceSettings(p)
	e := p.expand(kindCustomer)
	if err := p.done(); err != nil {
		return nil, err
	}
	if defaultMethod != nil {
		next.defaultMethod = 0
		if *defaultMethod != "" {
			r, m := find(a, &a.methods, kindMethod, *defaultMethod)
			if m == nil || m.customer != next.ref {
				return nil, errNotTheirs(*defaultMethod)
			}
			next.defaultMethod = r
		}
	}
	if err := c.begin(); err != nil {
		return nil, err
	}
	a.customers.set(next.ref, &next)
	a.emit(c, eventCustomerUpdated, &next)
	return c.expanded(&next, e), nil
}

// errNotTheirs is a default payment method that is not attached to the customer.
func errNotTheirs(id string) *apiError {
	return errInvalid("resource_missing", "invoice_settings[default_payment_method]",
		fmt.Sprintf("The customer does not have a payment method with the ID %s. The payment "+
			"method must be attached to the customer.", id))
}

func deleteCustomer(c *call) (any, *apiError) {
	a := c.account
	if err := c.params.done(); err != nil {
		return nil, err
	}
	found, err := c.customerInPath()
	if err != nil {
		return nil, err
	}
	release, err := a.locks.acquire(kindCustomer, found.ref)
	if err != nil {
		return nil, err
	}
	defer release()

	next := *a.customers.get(found.ref)
	if next.deleted {
		return nil, errNoSuch(kindCustomer, c.http.PathValue("id"), "id", http.StatusNotFound)
	}
	if err := c.begin(); err != nil {
		return nil, err
	}
	for _, r := range next.owned.list(&next.owned.methods) {
		release, err := a.locks.acquire(kindMethod, r)
		if err != nil {
			return nil, err
		}
		a.detach(c, r, next.ref)
		release()
	}
	last := next
	next = customer{ref: last.ref, created: last.created, deleted: true, owned: last.owned}
	a.customers.set(next.ref, &next)
	a.emit(c, eventCustomerDeleted, &last)
	return &next, nil
}

func listCustomers(c *call) (any, *apiError) {
	a := c.account
	q := readListQuery(c, kindCustomer)
	email := c.params.text("email")
	if err := c.params.done(); err != nil {
		return nil, err
	}
	return q.page(c, everything(a.customers.len()), a.customers.created, func(r ref) bool {
		o := a.customers.get(r)
		return !o.deleted && (email == "" || o.email == email)
	})
}

func (w *writer) customer(c *customer, e expansion) {
	w.id("id", kindCustomer, c.ref)
	w.text("object", "customer")
	if c.deleted {
		w.flag("deleted", true)
		return
	}
	w.address("address", c.address)
	w.number("balance", c.balance)
	w.null("cash_balance")
	w.number("created", c.created)
	w.null("currency", "default_source")
	w.flag("delinquent", false)
	w.textOrNull("description", c.description)
	w.null("discount")
	w.textOrNull("email", c.email)
	w.text("invoice_prefix", c.invoicePrefix)
	w.object("invoice_settings", func() {
		w.null("custom_fields")
		if sub, expand := e["invoice_settings.default_payment_method"]; expand {
			e = expansion{"default_payment_method": sub}
		}
		w.reference("default_payment_method", kindMethod, c.defaultMethod, e)
		w.null("footer", "rendering_options")
	})
	w.flag("livemode", false)
	w.metadata(c.metadata)
	w.textOrNull("name", c.name)
	w.number("next_invoice_sequence", 1)
	w.textOrNull("phone", c.phone)
	w.texts("preferred_locales", c.locales...)
	w.shipping(c.shipping)
	w.text("tax_exempt", c.taxExempt)
	w.null("test_clock")
}

func (w *writer) address(name string, a *address) {
	if a == nil {
		w.null(name)
		return
	}
	w.object(name, func() {
		w.textOrNull("city", a.city)
		w.textOrNull("country", a.country)
		w.textOrNull("line1", a.line1)
		w.textOrNull("line2", a.line2)
		w.textOrNull("postal_code", a.postalCode)
		w.textOrNull("state", a.state)
	})
}

func (w *writer) shipping(s *shipping) {
	if s == nil {
		w.null("shipping")
		return
	}
	w.object("shipping", func() {
		w.address("address", &s.address)
		w.textOrNull("carrier", s.carrier)
		w.text("name", s.name)
		w.textOrNull("phone", s.phone)
		w.textOrNull("tracking_number", s.track)
	})
}
