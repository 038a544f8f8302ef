package stripesim

import "strings"

// paymentMethod is one snapshot of a saved card.
type paymentMethod struct {
	head
	customer ref
	// spent: it was detached, or used without being attached, and may not be used again.
	spent    bool
	card     *card
	billing  *billing
	metadata metadata
}

type billing struct {
	address            address
	email, name, phone string
}

// testMethodPrefix begins the names that mean a fresh payment method each time they are used.
const testMethodPrefix = "pm_card_"

// method returns the payment method that a parameter or path names. A test name returns an unsaved
// one, without a ref.
func (a *account) method(id string, status int) *paymentMethod {
	if name, ok := strings.CutPrefix(id, testMethodPrefix); ok {
		if c, ok := namedCard(name); ok {
			return &paymentMethod{card: c}
		}
	} else if m := a.methods.find(id); m != nil {
		return m
	}
	panic(errNoSuch(kindMethod, id, "payment_method", status))
}

// saved stores a payment method that is not stored yet.
func (a *account) saved(m *paymentMethod) *paymentMethod {
	if m.ref != 0 {
		return m
	}
	next := *m
	return a.methods.add(a.clock.unix(), &next, nil)
}

// attachable returns why a payment method cannot be attached to the customer, nil if it can.
func (m *paymentMethod) attachable(owner ref) *apiError {
	switch {
	case m.customer != 0 && m.customer != owner:
		return errInvalid("", "",
			"The payment method you provided has already been attached to a customer.")
	case m.spent:
		return errSpent("")
	}
	return nil
}

func errSpent(param string) *apiError {
	return errInvalid("", param, "This PaymentMethod was previously used without being "+
		"attached to a Customer or was detached from a Customer, and may not be used again.")
}

func (a *account) attach(c *call, m *paymentMethod, owner *customer) *paymentMethod {
	next := *a.saved(m)
	next.customer = owner.ref
	a.methods.set(next.ref, &next)
	owner.owned.add(&owner.owned.methods, next.ref)
	a.emit(c, "payment_method.attached", &next)
	return &next
}

// detach detaches a payment method from its customer, for good; nothing happens if it has another
// owner. The caller holds the locks of both.
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
	a.emit(c, "payment_method.detached", &next)
	return &next
}

// lockMethod locks a customer and then a payment method, and returns the payment method as it then
// is. Every change of owner locks in this order. A zero owner needs no lock, nor does a payment
// method without a ref.
func (c *call) lockMethod(m *paymentMethod, owner ref) *paymentMethod {
	if owner != 0 {
		c.keeps(c.account.locks.acquire(kindCustomer, owner))
	}
	if m.ref == 0 {
		return m
	}
	c.keeps(c.account.locks.acquire(kindMethod, m.ref))
	return c.account.methods.get(m.ref)
}

// lockPayer locks a payment method that no customer owns, since it pays only once. An owned or
// unsaved one needs no lock.
func (c *call) lockPayer(m *paymentMethod) *paymentMethod {
	if m.customer == 0 {
		if m = c.lockMethod(m, 0); m.spent {
			refuse(errSpent("payment_method"))
		}
	}
	return m
}

// used attaches a payment method to the customer if that was asked for, or else spends it.
func (a *account) used(c *call, i *intent, m *paymentMethod) {
	owner := a.customers.get(i.customer)
	if i.details.copy().futureUsage != "" && m.customer == 0 && owner != nil && !owner.deleted {
		a.attach(c, m, owner)
		return
	}
	a.spend(m)
}

// spend marks a payment method that no customer owns as used: it pays only once.
func (a *account) spend(m *paymentMethod) {
	if m.customer != 0 || m.spent {
		return
	}
	next := *m
	next.spent = true
	a.methods.set(next.ref, &next)
}

// usableBy returns why a payment method cannot pay for a customer (zero: none), nil if it can.
func (m *paymentMethod) usableBy(a *account, owner ref) *apiError {
	switch {
	case m.spent:
		return errSpent("payment_method")
	case m.customer != 0 && owner == 0:
		return errInvalid("parameter_missing", "customer", "The provided "+
			"PaymentMethod was attached to a Customer. To use it, provide the customer %s.",
			a.ids.id(kindCustomer, m.customer))
	case m.customer != 0 && m.customer != owner:
		return errInvalid("", "payment_method", "The customer does not have a "+
			"payment method with the ID %s. The payment method must be attached to the customer.",
			a.ids.id(kindMethod, m.ref))
	}
	return nil
}

// methodTypes are the types that a list may be filtered by. Only cards are simulated, so the list
// of any other type is empty.
func methodTypes() []string {
	return []string{"card", "acss_debit", "affirm", "afterpay_clearpay", "alipay", "au_becs_debit",
		"bacs_debit", "bancontact", "blik", "boleto", "cashapp", "customer_balance", "eps", "fpx",
		"giropay", "grabpay", "ideal", "klarna", "konbini", "link", "oxxo", "p24", "paynow",
		"paypal", "pix", "promptpay", "revolut_pay", "sepa_debit", "sofort", "swish",
		"us_bank_account", "wechat_pay", "zip"}
}

var methodBody = newBody("payment_method", functions[paymentMethod]{
	"networks": func(w *writer, m *paymentMethod) {
		w.list("[", 1, "]", func(int) { w.quote(m.card.brand) })
	},
})

func (m *paymentMethod) json(w *writer) { w.fill(methodBody, m) }
