package stripesim

import "slices"

var eventRoutes = []route{
	{"GET /v1/events", "events.list", list(kindEvent, filterEvents)},
	{"GET /v1/events/{id}", "events.retrieve", retrieve(kindEvent)},
}

// maxEventTypes is Stripe's limit on the list of types to filter by.
const maxEventTypes = 20

func filterEvents(c *call, q *listQuery) {
	a, p := c.account, c.params
	typ, types := p.text("type"), p.list("types")
	p.flag("delivery_success")
	switch {
	case typ != "" && len(types) > 0:
		p.fail(errInvalid("parameters_exclusive", "types",
			"You may only specify one of these parameters: type, types."))
	case len(types) > maxEventTypes:
		p.fail(errInvalid("", "types", "You may filter by at most %d types.", maxEventTypes))
	}
	q.keep(func(r ref) bool {
		e := a.events.get(r)
		return matchesPattern(typ, e.typ) &&
			(len(types) == 0 || slices.Contains(types, e.typ))
	})
}
