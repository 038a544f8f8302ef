package stripesim

func balanceRoutes() []route {
	return []route{
		{"GET /v1/balance", "balance.retrieve", retrieveBalance},
		{"GET /v1/balance_transactions", "balance_transactions.list", listTransactions},
		{"GET /v1/balance_transactions/{id}", "balance_transactions.retrieve",
			retrieve(kindTransaction)},
	}
}

func retrieveBalance(c *call) view {
	c.done(kindNone)
	return c.account.balance.at(c.account.clock.unix())
}

func listTransactions(c *call) view {
	a, p := c.account, c.params
	q := readListQuery(c, kindTransaction)
	currency, source, typ := p.text("currency"), p.text("source"), p.text("type")
	payout := p.text("payout")
	p.done()
	if payout != "" {
		refuse(errInvalid("resource_missing", "payout", "No such payout: '"+payout+"'"))
	}
	keep := func(r ref) bool {
		t := a.transactions.get(r)
		return (currency == "" || t.currency == currency) && (typ == "" || t.kind() == typ)
	}
	if source != "" {
		return q.page(c, a.transactionsOf(source), keep)
	}
	return q.pageOfAll(c, keep)
}
