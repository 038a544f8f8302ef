package stripesim

import (
	"net/http"
	"slices"
	"sync"
)

// transaction is a movement on the account's balance. It never changes.
type transaction struct {
	ref         ref
	created     int64
	availableOn int64
	charge      ref
	refund      ref // set for the refund of a charge
	amount, fee int64
	currency    string
	available   bool // it skips the pending balance
}

func (t transaction) createdAt() int64 { return t.created }

// settlement is how long money is pending: two days, as for accounts in the US
// (https://stripe.com/docs/payouts#payout-schedule).
const settlement = 2 * 24 * 60 * 60

// fee is what Stripe keeps of a card payment in the US: 2.9 % and 30 cents.
func fee(amount int64) int64 {
	return (amount*29+500)/1000 + 30
}

func (a *account) addTransaction(next transaction) ref {
	return a.transactions.add(a.clock.unix(), func(r ref, created int64) *transaction {
		next.ref, next.created, next.availableOn = r, created, created+settlement
		if next.available {
			next.availableOn = created
		}
		a.balance.add(&next)
		return &next
	}).ref
}

// balance sums the transactions of each currency.
type balance struct {
	mu        sync.Mutex
	available map[string]int64
	pending   []*transaction // oldest first
	sums      map[string]int64
}

// add counts a transaction. It is called in the order of creation.
func (b *balance) add(t *transaction) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.available == nil {
		b.available, b.sums = make(map[string]int64), make(map[string]int64)
	}
	if t.available {
		b.available[t.currency] += t.amount - t.fee
		b.sums[t.currency] += 0 // nothing is pending, but the currency is one of ours
		return
	}
	b.pending = append(b.pending, t)
	b.sums[t.currency] += t.amount - t.fee
}

// at settles what has become available and returns both sums by currency, "usd" at least.
func (b *balance) at(now int64) (currencies []string, available, pending map[string]int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	settled := 0
	for _, t := range b.pending {
		if t.availableOn > now {
			break
		}
		b.available[t.currency] += t.amount - t.fee
		b.sums[t.currency] -= t.amount - t.fee
		settled++
	}
	b.pending = b.pending[settled:]
	available, pending = map[string]int64{"usd": 0}, map[string]int64{"usd": 0}
	for currency, sum := range b.sums {
		available[currency], pending[currency] = b.available[currency], sum
	}
	for currency := range available {
		currencies = append(currencies, currency)
	}
	slices.Sort(currencies)
	return currencies, available, pending
}

// balanceView is the balance at one moment.
type balanceView struct {
	currencies         []string
	available, pending map[string]int64
}

func retrieveBalance(c *call) (any, *apiError) {
	c.params.expand(kindNone)
	if err := c.params.done(); err != nil {
		return nil, err
	}
	var v balanceView
	v.currencies, v.available, v.pending = c.account.balance.at(c.account.clock.unix())
	return &v, nil
}

func retrieveTransaction(c *call) (any, *apiError) {
	e := c.params.expand(kindTransaction)
	if err := c.params.done(); err != nil {
		return nil, err
	}
	id := c.http.PathValue("id")
	_, found := find(c.account, &c.account.transactions, kindTransaction, id)
	if found == nil {
		return nil, errNoSuch(kindTransaction, id, "id", http.StatusNotFound)
	}
	return c.expanded(found, e), nil
}

func listTransactions(c *call) (any, *apiError) {
	a, p := c.account, c.params
	q := readListQuery(c, kindTransaction)
	currency, source, typ := p.text("currency"), p.text("source"), p.text("type")
	payout := p.text("payout")
	if err := p.done(); err != nil {
		return nil, err
	}
	if payout != "" {
		return nil, errInvalid("resource_missing", "payout", "No such payout: '"+payout+"'")
	}
	list := everything(a.transactions.len())
	if source != "" {
		list = a.transactionsOf(source)
	}
	return q.page(c, list, a.transactions.created, func(r ref) bool {
		t := a.transactions.get(r)
		return (currency == "" || t.currency == currency) && (typ == "" || t.kind() == typ)
	})
}

// transactionsOf is the movement of the charge or refund of this id.
func (a *account) transactionsOf(source string) refs {
	if _, o := find(a, &a.charges, kindCharge, source); o != nil && o.transaction != 0 {
		return refs{o.transaction}
	}
	if _, o := find(a, &a.refunds, kindRefund, source); o != nil && o.transaction != 0 {
		return refs{o.transaction}
	}
	return nil
}

func (t *transaction) kind() string {
	if t.refund != 0 {
		return "refund"
	}
	return "charge"
}

func (w *writer) transaction(t *transaction, e expansion) {
	w.id("id", kindTransaction, t.ref)
	w.text("object", "balance_transaction")
	w.number("amount", t.amount)
	w.number("available_on", t.availableOn)
	w.number("created", t.created)
	w.text("currency", t.currency)
	w.null("description", "exchange_rate")
	w.number("fee", t.fee)
	fees := min(1, int(t.fee))
	w.array("fee_details", fees, func(int) {
		w.begin('{')
		w.number("amount", t.fee)
		w.null("application")
		w.text("currency", t.currency)
		w.text("description", "Stripe processing fees")
		w.text("type", "stripe_fee")
		w.end('}')
	})
	w.number("net", t.amount-t.fee)
	w.text("reporting_category", t.kind())
	if t.refund != 0 {
		w.reference("source", kindRefund, t.refund, e)
	} else {
		w.reference("source", kindCharge, t.charge, e)
	}
	status := "pending"
	if t.availableOn <= w.account.clock.unix() {
		status = "available"
	}
	w.text("status", status)
	w.text("type", t.kind())
}

func (w *writer) balance(v *balanceView) {
	w.text("object", "balance")
	amounts := func(name string, sums map[string]int64) {
		w.array(name, len(v.currencies), func(i int) {
			sum := sums[v.currencies[i]]
			w.begin('{')
			w.number("amount", sum)
			w.text("currency", v.currencies[i])
			w.object("source_types", func() { w.number("card", sum) })
			w.end('}')
		})
	}
	amounts("available", v.available)
	w.flag("livemode", false)
	amounts("pending", v.pending)
}
