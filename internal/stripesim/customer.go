package stripesim

import (
	"net/http"
	"slices"
	"sync"
)

// customer is one snapshot of a customer.
type customer struct {
	ref     ref
	created int64
	deleted bool

	balance       int64
	defaultMethod ref
	description   string
	email         string
	invoicePrefix string
	name          string
	phone         string
	taxExempt     string
	locales       []string
	address       *address
	shipping      *shipping
	metadata      metadata

	// owned is what belongs to the customer; all snapshots share it.
	owned *ownership
}

func (c customer) createdAt() int64 { return c.created }

// ownership is the index from a customer to what is theirs, each list oldest first. The lists only
// grow, so that a reader may keep what it was handed.
type ownership struct {
	mu      sync.Mutex
	intents []ref
	charges []ref
	methods []ref // also those since detached: the reader looks whose they are
}

func (o *ownership) add(list *[]ref, r ref) {
	o.mu.Lock()
	defer o.mu.Unlock()
	*list = append(*list, r)
}

// addOnce is for methods, which can come back.
func (o *ownership) addOnce(list *[]ref, r ref) {
	o.mu.Lock()
	defer o.mu.Unlock()
	at, found := slices.BinarySearch(*list, r)
	if found {
		return
	}
	// A copy, because readers may hold the old one.
	*list = slices.Insert(slices.Clone(*list), at, r)
}

func (o *ownership) list(list *[]ref) []ref {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clip(*list)
}

// address is a postal address.
type address struct {
	city, country, line1, line2, postalCode, state string
}

// shipping is where goods would go.
type shipping struct {
	address        address
	name, phone    string
	carrier, track string
}

func createCustomer(c *call) (any, *apiError) {
	p, a := c.params, c.account
	next := customer{taxExempt: "none"}
	readCustomer(p, &next)
	method := p.text("payment_method")
	defaultMethod := readInvoiceSettings(p)
	e := p.expand(kindCustomer)
	if err := p.done(); err != nil {
		return nil, err
	}
	next.owned = new(ownership)
	if method == "" {
		if defaultMethod != nil && *defaultMethod != "" {
			return nil, errNotTheirs(*defaultMethod)
		}
		if err := c.begin(); err != nil {
			return nil, err
		}
		return c.expanded(a.addCustomer(c, next), e), nil
	}

	m, err := a.method(method, "payment_method", http.StatusBadRequest)
	if err != nil {
		return nil, err
	}
	m, release, err := c.lockMethod(m, 0)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := m.attachable(0); err != nil {
		return nil, err
	}
	if defaultMethod != nil && *defaultMethod != method {
		return nil, errNotTheirs(*defaultMethod)
	}
	if err := c.begin(); err != nil {
		return nil, err
	}
	if err := m.card.refusesAttach(); err != nil {
		return nil, err
	}
	created := a.addCustomer(c, next)
	attached := a.attach(c, m, created)
	if defaultMethod != nil {
		withDefault := *created
		withDefault.defaultMethod = attached.ref
		created = &withDefault
		a.customers.set(created.ref, created)
	}
	return c.expanded(created, e), nil
}

// addCustomer stores a new customer and reports it.
func (a *account) addCustomer(c *call, next customer) *customer {
	created := a.customers.add(a.clock.unix(), func(r ref, created int64) *customer {
		next.ref, next.created = r, created
		next.invoicePrefix = invoicePrefix(&a.ids, r)
		return &next
	})
	a.emit(c, eventCustomerCreated, created)
	return created
}

// invoicePrefix is eight characters that differ for each customer.
func invoicePrefix(i *ids, r ref) string {
	const letters = "0123456789ABCDEF"
	n := scramble(uint64(r) ^ i.key)
	var b [8]byte
	for j := range b {
		b[j] = letters[n%16]
		n /= 16
	}
	return string(b[:])
}

// readCustomer reads what create and update have in common.
func readCustomer(p *params, c *customer) {
	p.update("description", &c.description)
	p.update("email", &c.email)
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

func readAddress(p *params, old *address) *address {
	if len(p.field.children) == 0 {
		return nil
	}
	var a address
	if old != nil {
		a = *old
	}
	p.update("city", &a.city)
	p.update("country", &a.country)
	p.update("line1", &a.line1)
	p.update("line2", &a.line2)
	p.update("postal_code", &a.postalCode)
	p.update("state", &a.state)
	return &a
}

func readShipping(p *params) *shipping {
	if len(p.field.children) == 0 {
		return nil
	}
	var s shipping
	if q := p.object("address"); q == nil {
		p.missing("address")
	} else if a := readAddress(q, nil); a != nil {
		s.address = *a
	}
	s.name = p.required("name")
	p.update("phone", &s.phone)
	p.update("carrier", &s.carrier)
	p.update("tracking_number", &s.track)
	return &s
}

func retrieveCustomer(c *call) (any, *apiError) {
	e := c.params.expand(kindCustomer)
	if err := c.params.done(); err != nil {
		return nil, err
	}
	found, err := c.customerInPath()
	if err != nil {
		return nil, err
	}
	return c.expanded(found, e), nil
}

// customerInPath is the customer the path names. One that was deleted can still be retrieved.
func (c *call) customerInPath() (*customer, *apiError) {
	id := c.http.PathValue("id")
	_, found := find(c.account, &c.account.customers, kindCustomer, id)
	if found == nil {
		return nil, errNoSuch(kindCustomer, id, "id", http.StatusNotFound)
	}
	return found, nil
}

// ownerInFilter is the customer that a list is asked for, nil if for none: also one that was
// deleted, whose payments are still there.
func (c *call) ownerInFilter(id string) (*customer, *apiError) {
	if id == "" {
		return nil, nil
	}
	_, found := find(c.account, &c.account.customers, kindCustomer, id)
	if found == nil {
		return nil, errNoSuch(kindCustomer, id, "customer", http.StatusBadRequest)
	}
	return found, nil
}

// customer is the customer a parameter names, nil if it names none.
func (c *call) customer(id, param string) (*customer, *apiError) {
	if id == "" {
		return nil, nil
	}
	_, found := find(c.account, &c.account.customers, kindCustomer, id)
	if found == nil || found.deleted {
		return nil, errNoSuch(kindCustomer, id, param, http.StatusBadRequest)
	}
	return found, nil
}
