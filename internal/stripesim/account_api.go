package stripesim

import (
	_ "embed"
	"strconv"
	"strings"
)

// accountJSON is the inside of Stripe's answer for an account in the US that can do everything.
//
//go:embed account.json
var accountJSON string

func accountRoutes() []route {
	return []route{{"GET /v1/account", "account.retrieve", retrieveAccount}}
}

func retrieveAccount(c *call) view {
	c.done(kindNone)
	a := c.account
	return rawBody(strings.NewReplacer("ACCOUNT", "acct_1"+a.ids.tag+"stripe", "CREATED",
		strconv.FormatInt(a.created, 10)).Replace(accountJSON))
}
