package stripesim

import (
	"math"
	"net/http"
	"slices"
	"sort"
)

// Stripe's bounds on a page (https://docs.stripe.com/api/pagination).
const (
	defaultLimit = 10
	maxLimit     = 100
)

// refs is an index of some objects, oldest first. It does not change after it is handed out.
type refs []ref

func (r refs) reversed() refs {
	slices.Reverse(r)
	return r
}

type listQuery struct {
	kind          kind
	limit         int
	after, before ref // exclusive bounds of the page, zero for none
	from, to      int64
	expand        expansion
	narrowed      bool // to some objects
	some          refs
	keeps         []func(ref) bool
}

// list is the endpoint that answers with a page of the objects of a kind. filter, unless it is nil,
// reads what else the list is filtered by.
func list(k kind, filter func(*call, *listQuery)) func(*call) view {
	return func(c *call) view {
		q := readListQuery(c, k)
		if filter != nil {
			filter(c, &q)
		}
		c.params.done()
		if q.narrowed {
			return q.find(c, len(q.some), func(i int) ref { return q.some[i] })
		}
		all := int(c.account.tables[k].len())
		return q.find(c, all, func(i int) ref { return ref(i + 1) })
	}
}

func (q *listQuery) only(some refs) { q.some, q.narrowed = some, true }

// keep narrows the list to the objects that keep keeps.
func (q *listQuery) keep(keep func(ref) bool) { q.keeps = append(q.keeps, keep) }

// filter returns the object that a filter of a list names, nil if it was not sent.
func (t *table[T]) filter(c *call, name string) *T { return t.get(c.reference(t.kind, name)) }

// ofCustomer reads a customer and narrows the list to the objects that were once in its list, and
// are its own still. A deleted customer is allowed: the payments are still there.
func (q *listQuery) ofCustomer(c *call, list func(*ownership) *[]ref, ownerOf func(ref) ref) {
	owner := c.account.customers.filter(c, "customer")
	if owner == nil {
		return
	}
	if !q.narrowed {
		q.only(owner.owned.list(list(owner.owned)))
	}
	q.keep(func(r ref) bool { return ownerOf(r) == owner.ref })
}

// ofCharge reads a charge, named directly or by its PaymentIntent, and narrows the list to what
// belongs to it: for a PaymentIntent without one, to what belongs to nil.
func (q *listQuery) ofCharge(c *call, belonging func(*charge) refs) {
	o := c.account.charges.filter(c, "charge")
	i := c.account.intents.filter(c, "payment_intent")
	if o == nil && i != nil {
		o = c.account.charges.get(i.charge) // only the last can have succeeded
	}
	if o != nil || i != nil {
		q.only(belonging(o))
	}
}

// readListQuery reads the parameters that all lists share.
func readListQuery(c *call, k kind) listQuery {
	p := c.params
	q := listQuery{kind: k, limit: readLimit(p), from: math.MinInt64, to: math.MaxInt64}
	q.after, q.before = c.reference(k, "starting_after"), c.reference(k, "ending_before")
	if q.after != 0 && q.before != 0 {
		p.fail(errInvalid("parameters_exclusive", "ending_before",
			"You may only specify one of these parameters: starting_after, ending_before."))
	}
	if k != kindMethod {
		q.readCreated(p)
	}
	q.expand = p.expand(k, "data.")
	return q
}

// readLimit clamps a limit to its bounds, as recorded of a sandbox in 2026.
func readLimit(p *params) int {
	limit, sent := p.integer("limit", math.MinInt64)
	if !sent {
		return defaultLimit
	}
	return int(min(max(limit, 1), maxLimit))
}

// reference returns the object that a parameter of a list names; zero if it was not sent.
func (c *call) reference(k kind, name string) ref {
	id := c.params.text(name)
	if id == "" {
		return 0
	}
	r := c.account.find(k, id)
	if r == 0 {
		c.params.fail(errNoSuch(k, id, name, http.StatusBadRequest))
	}
	return r
}

// readCreated reads created=t, or created[gte], [gt], [lte] and [lt], as a range of seconds.
func (q *listQuery) readCreated(p *params) {
	f := p.field.child("created")
	if f == nil {
		return
	}
	if !f.nested {
		t, _ := p.integer("created", 0)
		q.from, q.to = t, t
		return
	}
	r := p.object("created")
	for i, name := range []string{"gte", "gt"} {
		if t, sent := r.integer(name, 0); sent {
			q.from = max(q.from, t+int64(i))
		}
	}
	for i, name := range []string{"lte", "lt"} {
		if t, sent := r.integer(name, 0); sent {
			q.to = min(q.to, t-int64(i))
		}
	}
}

// listView is one page, newest first.
type listView struct {
	objects []view
	more    bool
	path    string
	expand  expansion
	search  bool
	next    string // of a search
}

// find finds the range of time and the cursor by binary search among n objects, oldest first. So a
// page costs the same of a million objects as of ten.
func (q *listQuery) find(c *call, n int, nth func(int) ref) view {
	objects := c.account.tables[q.kind]
	low := sort.Search(n, func(i int) bool { return objects.created(nth(i)) >= q.from })
	high := sort.Search(n, func(i int) bool { return objects.created(nth(i)) > q.to })
	if q.after != 0 {
		high = min(high, sort.Search(n, func(i int) bool { return nth(i) >= q.after }))
	}
	if q.before != 0 {
		low = max(low, sort.Search(n, func(i int) bool { return nth(i) > q.before }))
	}
	v := &listView{path: c.http.URL.Path, expand: q.expand}
	var found refs
	for n := range high - low {
		r := nth(high - 1 - n)
		if q.before != 0 { // the page next to the cursor, at the older end of the range
			r = nth(low + n)
		}
		if slices.ContainsFunc(q.keeps, func(keep func(ref) bool) bool { return !keep(r) }) {
			continue
		}
		if v.more = len(found) == q.limit; v.more {
			break
		}
		found = append(found, r)
	}
	if q.before != 0 {
		slices.Reverse(found)
	}
	for _, r := range found {
		v.objects = append(v.objects, objects.load(r))
	}
	return v
}

var listBody = newBody("list", functions[listView]{
	"object": func(w *writer, v *listView) {
		w.either(v.search, "search_result", "list")
	},
	"data": func(w *writer, v *listView) {
		w.list("[", len(v.objects), "]", func(i int) { w.value(v.objects[i], v.expand) })
	},
	"nextPage": func(w *writer, v *listView) {
		if v.search {
			w.quoteOrNull(v.next)
		}
	},
})

func (v *listView) json(w *writer) { w.fill(listBody, v) }
