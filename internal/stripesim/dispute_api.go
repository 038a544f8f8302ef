package stripesim

var disputeRoutes = []route{
	{"GET /v1/disputes", "disputes.list", list(kindDispute, filterDisputes)},
	{"GET /v1/disputes/{id}", "disputes.retrieve", retrieve(kindDispute)},
}

func filterDisputes(c *call, q *listQuery) {
	q.ofCharge(c, func(o *charge) refs {
		if o == nil || o.dispute == 0 {
			return nil
		}
		return refs{o.dispute}
	})
}
