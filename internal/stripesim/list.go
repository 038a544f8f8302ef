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

// listQuery is a request for a page of a list.
type listQuery struct {
	kind          kind
	limit         int
	after, before ref // exclusive bounds of the page, zero for none
	from, to      int64
	expand        expansion
}

// readListQuery reads the parameters that all lists share.
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

// cursor returns the object that a page starts from; zero if none was sent.
func (c *call) cursor(k kind, name string) ref {
	id := c.params.text(name)
	if id == "" {
		return 0
	}
	r, ok := c.account.ids.ref(k, id)
	if !ok || r == 0 || r > c.account.tables[k].len() {
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
	objects []view
	more    bool
	path    string
	expand  expansion
	search  bool
	next    string // of a search
}

// pageOfAll answers with a page of all objects that keep keeps; nil keeps all.
func (q *listQuery) pageOfAll(c *call, keep func(ref) bool) view {
	n := int(c.account.tables[q.kind].len())
	return q.find(c, n, func(i int) ref { return ref(i + 1) }, keep)
}

// page is pageOfAll for a list of some objects.
func (q *listQuery) page(c *call, list refs, keep func(ref) bool) view {
	return q.find(c, len(list), func(i int) ref { return list[i] }, keep)
}

// find finds the range of time and the cursor by binary search among n objects, oldest first. So a
// page costs the same of a million objects as of ten.
func (q *listQuery) find(c *call, n int, nth func(int) ref, keep func(ref) bool) view {
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
	visit := func(i int) (done bool) {
		r := nth(i)
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
		// The page next to the cursor, at the older end of the range.
		for i := low; i < high && !visit(i); i++ {
		}
		found = found.reversed()
	}
	for _, r := range found {
		v.objects = append(v.objects, objects.load(r))
	}
	return v
}

var listBody = newBody("list", kindNone, functions[listView]{
	"object": func(w *writer, v *listView) {
		if v.search {
			w.quote("search_result")
			return
		}
		w.quote("list")
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
