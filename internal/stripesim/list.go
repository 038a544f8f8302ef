package stripesim

import (
	"math"
	"net/http"
	"slices"
	"sort"
)

// Stripe's bounds on a page (https://stripe.com/docs/api/pagination).
const (
	defaultLimit = 10
	maxLimit     = 100
)

// sequence is an index: refs in the order of creation, oldest first. It does not change once it was
// handed out.
type sequence interface {
	len() int
	at(i int) ref
}

// refs is an index of some objects.
type refs []ref

func (r refs) len() int     { return len(r) }
func (r refs) at(i int) ref { return r[i] }

func (r refs) reversed() refs {
	slices.Reverse(r)
	return r
}

// whole is the index of all objects up to a number; it needs no list.
type whole ref

func (n whole) len() int     { return int(n) }
func (n whole) at(i int) ref { return ref(i + 1) }

func everything(n ref) sequence { return whole(n) }

// listQuery is what a caller wants of a list.
type listQuery struct {
	kind          kind
	limit         int
	after, before ref // exclusive bounds of the page, zero for none
	from, to      int64
	expand        expansion
}

// readListQuery reads the parameters that all lists have.
func readListQuery(c *call, k kind) listQuery {
	p := c.params
	q := listQuery{kind: k, limit: readLimit(p), from: math.MinInt64, to: math.MaxInt64}
	q.after, q.before = c.cursor(k, "starting_after"), c.cursor(k, "ending_before")
	if q.after != 0 && q.before != 0 {
		p.fail(errInvalid("parameters_exclusive", "ending_before",
			"You may only specify one of these parameters: starting_after, ending_before."))
	}
	if k != kindMethod {
		q.readCreated(p)
	}
	q.expand = p.expandList(k)
	return q
}

func readLimit(p *params) int {
	limit, sent := p.integer("limit", 1)
	if !sent {
		return defaultLimit
	}
	if limit > maxLimit {
		p.fail(errInvalidInteger("limit", "This value must be less than or equal to 100."))
	}
	return int(limit)
}

// cursor is the object a page starts from; zero if none was sent.
func (c *call) cursor(k kind, name string) ref {
	id := c.params.text(name)
	if id == "" {
		return 0
	}
	r, ok := c.account.ids.ref(k, id)
	if !ok || r == 0 || r > c.account.newest(k) {
		c.params.fail(errNoSuch(k, id, name, http.StatusBadRequest))
	}
	return r
}

// newest is the number of the newest object of a kind.
func (a *account) newest(k kind) ref {
	switch k {
	case kindCustomer:
		return a.customers.len()
	case kindMethod:
		return a.methods.len()
	case kindIntent:
		return a.intents.len()
	case kindCharge:
		return a.charges.len()
	case kindRefund:
		return a.refunds.len()
	case kindTransaction:
		return a.transactions.len()
	case kindEvent:
		return a.events.len()
	}
	return 0
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
	if t, sent := r.integer("gte", 0); sent {
		q.from = max(q.from, t)
	}
	if t, sent := r.integer("gt", 0); sent {
		q.from = max(q.from, t+1)
	}
	if t, sent := r.integer("lte", 0); sent {
		q.to = min(q.to, t)
	}
	if t, sent := r.integer("lt", 0); sent {
		q.to = min(q.to, t-1)
	}
}

// listView is one page, newest first.
type listView struct {
	kind    kind
	objects []any
	more    bool
	path    string
	expand  expansion
	search  bool
	next    string // of a search
}

// page answers a page of an index: of what keep keeps, nil keeping all. The range of time and the
// cursor are found by halving, so that a page of a million objects costs as much as one of ten.
func (q *listQuery) page(
	c *call, s sequence, created func(ref) int64, keep func(ref) bool,
) (any, *apiError) {
	low := sort.Search(s.len(), func(i int) bool { return created(s.at(i)) >= q.from })
	high := sort.Search(s.len(), func(i int) bool { return created(s.at(i)) > q.to })
	if q.after != 0 {
		high = min(high, sort.Search(s.len(), func(i int) bool { return s.at(i) >= q.after }))
	}
	if q.before != 0 {
		low = max(low, sort.Search(s.len(), func(i int) bool { return s.at(i) > q.before }))
	}
	v := &listView{kind: q.kind, path: c.http.URL.Path, expand: q.expand}
	var found refs
	visit := func(i int) (done bool) {
		r := s.at(i)
		if keep != nil && !keep(r) {
			return false
		}
		if len(found) == q.limit {
			v.more = true
			return true
		}
		found = append(found, r)
		return false
	}
	if q.before == 0 {
		for i := high - 1; i >= low && !visit(i); i-- {
		}
	} else {
		// The page nearest to the cursor, which is the older end of the range.
		for i := low; i < high && !visit(i); i++ {
		}
		found = found.reversed()
	}
	for _, r := range found {
		v.objects = append(v.objects, c.account.load(q.kind, r))
	}
	return v, nil
}

func (w *writer) list(v *listView) {
	object := "list"
	if v.search {
		object = "search_result"
	}
	w.text("object", object)
	w.array("data", len(v.objects), func(i int) { w.value(v.objects[i], v.expand) })
	w.flag("has_more", v.more)
	if v.search {
		w.textOrNull("next_page", v.next)
	}
	w.text("url", v.path)
}
