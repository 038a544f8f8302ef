package stripesim

import (
	"net/http"
	"strings"
)

// paymentMethod is one snapshot of a saved card.
type paymentMethod struct {
	ref      ref
	created  int64
	customer ref
	// spent says that it was detached, or used without being attached: either way it may not be
	// used again.
	spent    bool
	card     *card
	billing  *billing
	metadata metadata
}

func (m paymentMethod) createdAt() int64 { return m.created }

// billing is who the card's holder is.
type billing struct {
	address            *address
	email, name, phone string
}

// testMethodPrefix begins the names that stand for a fresh payment method each time they are used.
const testMethodPrefix = "pm_card_"

// method returns the payment method a parameter or path names. A test name makes an unsaved one,
// with no ref yet.
func (a *account) method(id, param string, status int) (*paymentMethod, *apiError) {
	if name, ok := strings.CutPrefix(id, testMethodPrefix); ok {
		if c, ok := testCard(name); ok {
			return &paymentMethod{card: c}, nil
		}
	} else if _, m := find(a, &a.methods, kindMethod, id); m != nil {
		return m, nil
	}
	return nil, errNoSuch(kindMethod, id, param, status)
}

// saved gives a payment method that has none a ref.
func (a *account) saved(m *paymentMethod) *paymentMethod {
	if m.ref != 0 {
		return m
	}
	return a.methods.add(a.clock.unix(), func(r ref, created int64) *paymentMethod {
		next := *m
		next.ref, next.created = r, created
		return &next
	})
}

func createMethod(c *call) (any, *apiError) {
	p, a := c.params, c.account
	p.choice("type", "card")
	if !p.has("type") {
		p.missing("type")
	}
	next := paymentMethod{card: readCard(p), metadata: p.metadata(nil)}
	next.billing = readBilling(p, nil)
	e := p.expand(kindMethod)
	if err := p.done(); err != nil {
		return nil, err
	}
	if err := c.begin(); err != nil {
		return nil, err
	}
	return c.expanded(a.saved(&next), e), nil
}

// readCard reads card[number] or card[token]; nil if there is a problem, which done reports.
func readCard(p *params) *card {
	q := p.object("card")
	if q == nil {
		p.missing("card")
		return nil
	}
	if token := q.text("token"); token != "" {
		name, isTest := strings.CutPrefix(token, "tok_")
		if c, ok := testCard(name); isTest && ok {
			return c
		}
		p.fail(&apiError{status: http.StatusBadRequest, typ: typeInvalid, param: "card[token]",
			code: "resource_missing", message: "No such token: '" + token + "'"})
		return nil
	}
	number := q.required("number")
	month, _ := q.integer("exp_month", 1)
	year, _ := q.integer("exp_year", 1)
	q.text("cvc")
	c, ok := numberCard(number)
	if !ok {
		p.fail(&apiError{status: http.StatusPaymentRequired, typ: typeCard, param: "number",
			code: "incorrect_number", message: "Your card number is incorrect."})
		return nil
	}
	c.expMonth, c.expYear = month, year
	if !q.has("exp_month") {
		q.missing("exp_month")
	}
	if !q.has("exp_year") {
		q.missing("exp_year")
	}
	if month > 12 {
		p.fail(&apiError{status: http.StatusPaymentRequired, typ: typeCard,
			param: "exp_month", code: "invalid_expiry_month",
			message: "Your card's expiration month is invalid."})
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
		b.address = readAddress(r, b.address)
	}
	q.update("email", &b.email)
	q.update("name", &b.name)
	q.update("phone", &b.phone)
	return &b
}

// retrieveMethod also answers the test names, each time with a fresh payment method, as Stripe
// does.
func retrieveMethod(c *call) (any, *apiError) {
	e := c.params.expand(kindMethod)
	if err := c.params.done(); err != nil {
		return nil, err
	}
	m, err := c.account.method(c.http.PathValue("id"), "payment_method", http.StatusNotFound)
	if err != nil {
		return nil, err
	}
	return c.expanded(c.account.saved(m), e), nil
}

func attachMethod(c *call) (any, *apiError) {
	p, a := c.params, c.account
	customerID := p.required("customer")
	e := p.expand(kindMethod)
	if err := p.done(); err != nil {
		return nil, err
	}
	m, err := a.method(c.http.PathValue("id"), "payment_method", http.StatusNotFound)
	if err != nil {
		return nil, err
	}
	owner, err := c.customer(customerID, "customer")
	if err != nil {
		return nil, err
	}
	m, release, err := c.lockMethod(m, owner.ref)
	if err != nil {
		return nil, err
	}
	defer release()

	if a.customers.get(owner.ref).deleted { // while this request waited for the lock
		return nil, errNoSuch(kindCustomer, customerID, "customer", http.StatusBadRequest)
	}
	if err := m.attachable(owner.ref); err != nil {
		return nil, err
	}
	if err := c.begin(); err != nil {
		return nil, err
	}
	if err := m.card.refusesAttach(); err != nil {
		return nil, err
	}
	return c.expanded(a.attach(c, m, owner), e), nil
}

// lockMethod locks a customer and then a payment method, which is the order of all who change
// whose it is, and returns the payment method as it is under the lock. A zero owner, and a payment
// method without a ref, are nobody else's and need no lock.
func (c *call) lockMethod(m *paymentMethod, owner ref) (
	locked *paymentMethod, release func(), err *apiError,
) {
	releaseOwner, releaseMethod := func() {}, func() {}
	if owner != 0 {
		if releaseOwner, err = c.account.locks.acquire(kindCustomer, owner); err != nil {
			return nil, nil, err
		}
	}
	if m.ref == 0 {
		return m, releaseOwner, nil
	}
	if releaseMethod, err = c.account.locks.acquire(kindMethod, m.ref); err != nil {
		releaseOwner()
		return nil, nil, err
	}
	return c.account.methods.get(m.ref), func() { releaseMethod(); releaseOwner() }, nil
}

// attachable says why a payment method cannot become the customer's, nil if it can.
func (m *paymentMethod) attachable(owner ref) *apiError {
	switch {
	case m.customer != 0 && m.customer != owner:
		return errInvalidParameter("",
			"The payment method you provided has already been attached to a customer.")
	case m.spent:
		return errSpent("")
	}
	return nil
}

func errSpent(param string) *apiError {
	return errInvalidParameter(param, "This PaymentMethod was previously used without being "+
		"attached to a Customer or was detached from a Customer, and may not be used again.")
}

// attach makes a payment method the customer's.
func (a *account) attach(c *call, m *paymentMethod, owner *customer) *paymentMethod {
	next := *a.saved(m)
	next.customer = owner.ref
	a.methods.set(next.ref, &next)
	owner.owned.addOnce(&owner.owned.methods, next.ref)
	a.emit(c, eventMethodAttached, &next)
	return &next
}
