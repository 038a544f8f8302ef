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
	switch {
	case !filtered:
		return q.pageOfAll(c, nil)
	case o == nil || o.dispute == 0:
		return q.page(c, nil, nil)
	}
	return q.page(c, refs{o.dispute}, nil)
}
