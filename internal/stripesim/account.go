package stripesim

import (
	"hash/maphash"
	"sync/atomic"
	"time"
)

// account is everything that Stripe would remember. A reset replaces it as a whole.
type account struct {
	clock *clock
	ids   ids
	locks objectLocks
	keys  keyStore
	index searchIndex

	customers    table[customer]
	methods      table[paymentMethod]
	intents      table[intent]
	charges      table[charge]
	refunds      table[refund]
	transactions table[transaction]
	events       table[event]
	requests     atomic.Uint64 // the number of the last

	feed    feed
	balance balance
	retired chan struct{} // closed when a reset has replaced this account
}

func newAccount(c *clock, lockTimeout, searchLag time.Duration) *account {
	a := &account{clock: c, ids: newIDs(), retired: make(chan struct{})}
	a.locks.timeout = lockTimeout
	a.keys.seed = maphash.MakeSeed()
	a.index.clock = c
	a.index.setLag(a, searchLag)
	a.customers.changed = func(r ref, o *customer) { a.index.note(kindCustomer, r, o) }
	a.intents.changed = func(r ref, o *intent) { a.index.note(kindIntent, r, o) }
	a.charges.changed = func(r ref, o *charge) { a.index.note(kindCharge, r, o) }
	return a
}

// retire ends what waits for news of this account.
func (a *account) retire() {
	close(a.retired)
}

// empty says whether the account has no objects.
func (a *account) empty() bool {
	return a.customers.len()+a.methods.len()+a.intents.len()+a.events.len() == 0
}

// load returns the present snapshot of an object that is known to exist.
func (a *account) load(k kind, r ref) any {
	switch k {
	case kindCustomer:
		return a.customers.get(r)
	case kindMethod:
		return a.methods.get(r)
	case kindIntent:
		return a.intents.get(r)
	case kindCharge:
		return a.charges.get(r)
	case kindRefund:
		return a.refunds.get(r)
	case kindTransaction:
		return a.transactions.get(r)
	case kindEvent:
		return a.events.get(r)
	}
	return nil
}

// find looks an id up in a table. It is not a method of account because methods have no type
// parameters.
func find[T object](a *account, t *table[T], k kind, id string) (ref, *T) {
	r, ok := a.ids.ref(k, id)
	if !ok {
		return 0, nil
	}
	return r, t.get(r)
}
