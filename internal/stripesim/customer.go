package stripesim

import (
	"fmt"
	"slices"
	"sync"
)

// customer is one snapshot of a customer.
type customer struct {
	head
	deleted bool

	balance       int64
	defaultMethod ref
	description   string
	email         string
	name          string
	phone         string
	taxExempt     string
	locales       []string
	address       *address
	shipping      *shipping
	metadata      metadata

	// owned are the customer's objects; all snapshots share it.
	owned *ownership
}

// ownership indexes a customer's objects, each list oldest first. A list is never changed in place,
// so a reader may keep it.
type ownership struct {
	mu      sync.Mutex
	intents []ref
	charges []ref
	methods []ref // including those since detached: the reader checks the owner
}

// add adds an object unless it is in the list.
func (o *ownership) add(list *[]ref, r ref) {
	o.mu.Lock()
	defer o.mu.Unlock()
	at, found := slices.BinarySearch(*list, r)
	switch {
	case found:
	case at == len(*list): // it is new
		*list = append(*list, r)
	default:
		// A copy, because readers may keep the old list.
		*list = slices.Insert(slices.Clone(*list), at, r)
	}
}

func (o *ownership) list(list *[]ref) []ref {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clip(*list)
}

func (a *account) addCustomer(c *call, next customer) *customer {
	created := a.customers.add(a.clock.unix(), &next, nil)
	a.emit(c, "customer.created", created)
	return created
}

// errNotTheirs: the default payment method is not attached to the customer.
func errNotTheirs(id string) *apiError {
	return errInvalid("resource_missing", "invoice_settings[default_payment_method]",
		"The customer does not have a payment method with the ID %s. The payment "+
			"method must be attached to the customer.", id)
}

var (
	customerBody = newBody("customer", functions[customer]{
		"invoicePrefix": func(w *writer, c *customer) {
			w.quote(fmt.Sprintf("%08X", uint32(scramble(uint64(c.ref)^w.account.ids.key))))
		},
	})
	deletedBody = newBody[customer]("deleted", nil)
)

func (c *customer) json(w *writer) {
	if c.deleted {
		w.fill(deletedBody, c)
		return
	}
	w.fill(customerBody, c)
}
