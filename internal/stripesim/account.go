package stripesim

import (
	"context"
	"hash/maphash"
	"net/http"
	"sync/atomic"
	"time"
)

// account is everything that Stripe would remember. A reset replaces it as a whole.
type account struct {
	clock   *clock
	created int64
	ids     ids
	locks   objectLocks
	keys    keyStore
	index   searchIndex

	customers    table[customer]
	methods      table[paymentMethod]
	intents      table[intent]
	charges      table[charge]
	refunds      table[refund]
	disputes     table[dispute]
	transactions table[transaction]
	events       table[event]
	requests     atomic.Uint64 // the number of the last

	// tables are those above, by kind.
	tables [kinds]interface {
		len() ref
		created(ref) int64
		load(ref) view
	}

	feed  feed
	later later

	rules      *rules
	endpoints  table[endpoint]
	webhooks   *http.Client
	deliveries chan struct{} // one for each event that is being sent

	ctx    context.Context // ends with the simulator, or when a reset has replaced this account
	retire func()
}

func newAccount(c *clock, lockTimeout, searchLag time.Duration) *account {
	a := &account{clock: c, created: c.unix(), ids: newIDs()}
	a.ctx, a.retire = context.WithCancel(context.Background())
	a.webhooks, a.deliveries = newWebhookClient(), make(chan struct{}, atOnce)
	a.locks.timeout, a.locks.held = lockTimeout, make(map[lockKey]*objectLock)
	a.keys.seed = maphash.MakeSeed()
	a.customers.register(a, kindCustomer)
	a.methods.register(a, kindMethod)
	a.intents.register(a, kindIntent)
	a.charges.register(a, kindCharge)
	a.refunds.register(a, kindRefund)
	a.disputes.register(a, kindDispute)
	a.transactions.register(a, kindTransaction)
	a.events.register(a, kindEvent)
	a.endpoints.register(a, kindEndpoint)
	// A charge is locked by its PaymentIntent, a refund by its charge.
	a.charges.guard = func(r ref) (kind, ref) {
		if i := a.charges.get(r).intent; i != 0 {
			return kindIntent, i
		}
		return kindCharge, r
	}
	a.refunds.guard = func(r ref) (kind, ref) { return a.charges.guard(a.refunds.get(r).charge) }
	a.index.clock = c
	a.customers.index, a.intents.index, a.charges.index = &a.index, &a.index, &a.index
	a.index.lag.Store(int64(searchLag))
	return a
}

func (a *account) empty() bool {
	return a.customers.len()+a.methods.len()+a.intents.len()+a.events.len()+
		a.endpoints.len() == 0
}
