package stripesim

var balanceRoutes = []route{
	{"GET /v1/balance", "balance.retrieve", retrieveBalance},
	{"GET /v1/balance_transactions", "balance_transactions.list",
		list(kindTransaction, filterTransactions)},
	{"GET /v1/balance_transactions/{id}", "balance_transactions.retrieve",
		retrieve(kindTransaction)},
}

func retrieveBalance(c *call) view {
	c.done(kindNone)
	return c.account.balance()
}

func filterTransactions(c *call, q *listQuery) {
	a, p := c.account, c.params
	currency, source, typ := p.text("currency"), p.text("source"), p.text("type")
	if payout := p.text("payout"); payout != "" {
		p.fail(errInvalid("resource_missing", "payout", "No such payout: '%s'", payout))
	}
	if source != "" {
		q.only(a.transactionsOf(source))
	}
	q.keep(func(r ref) bool {
		t := a.transactions.get(r)
		return (currency == "" || t.currency == currency) && (typ == "" || t.kind() == typ)
	})
}
