package stripesim

import (
	"maps"
	"slices"
)

// transaction is a movement on the account's balance. It never changes.
type transaction struct {
	head
	availableOn int64
	of          kind // what moved the money: a charge, a refund or a dispute
	source      ref
	amount, fee int64
	currency    string
	available   bool // it skips the pending balance
}

// settlement is how long money is pending: two days, as for accounts in the US
// (https://docs.stripe.com/payouts#payout-schedule).
const settlement = 2 * 24 * 60 * 60

// fee is what Stripe keeps of a card payment in the US: 2.9 % and 30 cents.
func fee(amount int64) int64 {
	return (amount*29+500)/1000 + 30
}

func (a *account) addTransaction(next transaction) ref {
	return a.transactions.add(a.clock.unix(), &next, func() {
		next.availableOn = next.created
		if !next.available {
			next.availableOn += settlement
		}
	}).ref
}

// balanceView is the balance at one moment: both sums by currency, at least for "usd".
type balanceView struct{ available, pending map[string]int64 }

func (a *account) balance() *balanceView {
	v := &balanceView{map[string]int64{"usd": 0}, map[string]int64{"usd": 0}}
	now := a.clock.unix()
	for r := a.transactions.len(); r > 0; r-- {
		t := a.transactions.get(r)
		v.available[t.currency] += 0 // both list each currency
		v.pending[t.currency] += 0
		if t.availableOn <= now {
			v.available[t.currency] += t.amount - t.fee
		} else {
			v.pending[t.currency] += t.amount - t.fee
		}
	}
	return v
}

func (t *transaction) kind() string {
	switch {
	case t.of == kindDispute:
		return "adjustment"
	case t.of == kindRefund && t.amount > 0:
		return "refund_failure"
	}
	return names[t.of].noun
}

// transactionsOf returns the transaction of the charge, refund or dispute with this id.
func (a *account) transactionsOf(source string) refs {
	if o := a.charges.find(source); o != nil && o.transaction != 0 {
		return refs{o.transaction}
	}
	if o := a.refunds.find(source); o != nil && o.transaction != 0 {
		return refs{o.transaction}
	}
	if o := a.disputes.find(source); o != nil && o.transaction != 0 {
		return refs{o.transaction}
	}
	return nil
}

var (
	transactionBody = newBody("balance_transaction", functions[transaction]{
		"fees": func(w *writer, t *transaction) {
			w.list("[", min(1, int(t.fee)), "]", func(int) { w.fill(feeBody, t) })
		},
		"net": func(w *writer, t *transaction) { w.number(t.amount - t.fee) },
		"category": func(w *writer, t *transaction) {
			w.either(t.of == kindDispute, "dispute", t.kind())
		},
		"source": func(w *writer, t *transaction) { w.reference("source", t.of, t.source) },
		"status": func(w *writer, t *transaction) {
			w.either(t.availableOn <= w.account.clock.unix(), "available", "pending")
		},
		"kind": func(w *writer, t *transaction) { w.quote(t.kind()) },
	})
	feeBody = newBody("fee", functions[transaction]{
		"description": func(w *writer, t *transaction) {
			w.either(t.of == kindDispute, "Dispute fee", "Stripe processing fees")
		},
	})
	balanceBody = newBody("balance", functions[balanceView]{
		"available": func(w *writer, v *balanceView) { w.sums(v.available) },
		"pending":   func(w *writer, v *balanceView) { w.sums(v.pending) },
	})
	sumBody = newBody[sum]("sum", nil)
)

func (t *transaction) json(w *writer) { w.fill(transactionBody, t) }

func (v *balanceView) json(w *writer) { w.fill(balanceBody, v) }

type sum struct {
	amount   int64
	currency string
}

func (w *writer) sums(amounts map[string]int64) {
	currencies := slices.Sorted(maps.Keys(amounts))
	w.list("[", len(currencies), "]", func(i int) {
		w.fill(sumBody, &sum{amounts[currencies[i]], currencies[i]})
	})
}
