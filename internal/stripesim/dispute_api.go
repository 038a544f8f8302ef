package stripesim

func disputeRoutes() []route {
	return []route{
		{"GET /v1/disputes", "disputes.list", listDisputes},
		{"GET /v1/disputes/{id}", "disputes.retrieve", retrieve(kindDispute)},
	}
}

func listDisputes(c *call) view {
	q := readListQuery(c, kindDispute)
	o, filtered := c.chargeInFilter()
	list := everything(c.account.disputes.len())
	if filtered {
		list = refs(nil)
		if o != nil && o.dispute != 0 {
			list = refs{o.dispute}
		}
	}
	return q.page(c, list, c.account.disputes.created, nil)
}
