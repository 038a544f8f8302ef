package stripesim

var accountRoutes = []route{{"GET /v1/account", "account.retrieve", retrieveAccount}}

func retrieveAccount(c *call) view {
	c.done(kindNone)
	return c.account
}

// accountBody is Stripe's answer for an account in the US that can do everything.
var accountBody = newBody("account", functions[account]{
	"accountID": func(w *writer, a *account) { w.quote("acct_1" + a.ids.tag + "stripe") },
})

func (a *account) json(w *writer) { w.fill(accountBody, a) }
