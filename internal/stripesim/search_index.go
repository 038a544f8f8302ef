package stripesim

import (
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// searchIndex is what a search sees: the objects themselves or, when it lags, the objects as they
// were a while ago. Only an index that lags costs anything.
type searchIndex struct {
	clock   *clock
	lagging atomic.Bool

	mu      sync.Mutex
	lag     time.Duration
	shown   map[lockKey]any // what has reached the index
	pending []indexChange   // what has not, oldest first
}

type indexChange struct {
	at     time.Time
	object lockKey
	to     any
}

// setLag changes how long a change takes to be seen. An index that begins to lag shows at first
// what there is.
func (x *searchIndex) setLag(a *account, lag time.Duration) {
	if !x.begin(lag) {
		return
	}
	// Not under the lock, since a table tells of its changes under its own. What changes meanwhile
	// is seen at once, as if it had come a moment before.
	for _, k := range []kind{kindCustomer, kindIntent, kindCharge} {
		for r := a.newest(k); r > 0; r-- {
			x.show(lockKey{k, r}, a.load(k, r))
		}
	}
}

// begin sets the lag and says whether the index begins to lag with it.
func (x *searchIndex) begin(lag time.Duration) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.lag = lag
	if lag == 0 {
		x.lagging.Store(false)
		x.shown, x.pending = nil, nil
		return false
	}
	if x.lagging.Load() {
		return false
	}
	x.shown = make(map[lockKey]any)
	x.lagging.Store(true)
	return true
}

// show puts an object into the index unless it is there.
func (x *searchIndex) show(object lockKey, as any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, there := x.shown[object]; !there && x.shown != nil {
		x.shown[object] = as
	}
}

// note is told of every change to an object that can be searched.
func (x *searchIndex) note(k kind, r ref, to any) {
	if !x.lagging.Load() {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.shown == nil {
		return
	}
	x.pending = append(x.pending, indexChange{x.clock.now(), lockKey{k, r}, to})
}

// view is an object as a search sees it, nil if it does not see it.
func (x *searchIndex) view(a *account, k kind, r ref) any {
	if !x.lagging.Load() {
		return a.load(k, r)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.shown == nil {
		return nil
	}
	now := x.clock.now()
	for len(x.pending) > 0 && now.Sub(x.pending[0].at) >= x.lag {
		x.shown[x.pending[0].object] = x.pending[0].to
		x.pending = x.pending[1:]
	}
	return x.shown[lockKey{k, r}]
}

func searchIntents(c *call) (any, *apiError) {
	return c.search(kindIntent, func(o any) fields {
		i, _ := o.(*intent)
		if i == nil {
			i = &intent{}
		}
		return func(name string) (value string, number, known bool) {
			if name == "status" {
				return i.status, false, true
			}
			return c.account.paymentField(name, i.amount, i.created, i.currency, i.customer,
				i.metadata)
		}
	})
}

func searchCharges(c *call) (any, *apiError) {
	return c.search(kindCharge, func(o any) fields {
		h, _ := o.(*charge)
		if h == nil {
			h = &charge{method: &paymentMethod{card: &card{}}}
		}
		return func(name string) (value string, number, known bool) {
			switch name {
			case "status":
				return h.status(), false, true
			case "refunded":
				return strconv.FormatBool(h.refunded == h.amount), false, true
			case "disputed":
				return "false", false, true
			case "payment_method_details.card.last4":
				return h.method.card.last4, true, true
			case "payment_method_details.card.brand":
				return h.method.card.brand, false, true
			case "payment_method_details.card.fingerprint":
				return h.method.card.fingerprint, false, true
			}
			return c.account.paymentField(name, h.amount, h.created, h.currency, h.customer,
				h.metadata)
		}
	})
}

// paymentField is a field that PaymentIntents and charges have in common.
func (a *account) paymentField(
	name string, amount, created int64, currency string, owner ref, m metadata,
) (value string, number, known bool) {
	switch name {
	case "amount":
		return strconv.FormatInt(amount, 10), true, true
	case "created":
		return strconv.FormatInt(created, 10), true, true
	case "currency":
		return currency, false, true
	case "customer":
		if owner == 0 {
			return "", false, true
		}
		return a.ids.id(kindCustomer, owner), false, true
	}
	key, known := strings.CutPrefix(name, metadataField)
	return m.get(key), false, known
}

func searchCustomers(c *call) (any, *apiError) {
	return c.search(kindCustomer, func(o any) fields {
		u, _ := o.(*customer)
		if u == nil {
			u = &customer{}
		}
		return func(name string) (value string, number, known bool) {
			switch name {
			case "created":
				return strconv.FormatInt(u.created, 10), true, true
			case "email":
				return u.email, false, true
			case "name":
				return u.name, false, true
			case "phone":
				return u.phone, false, true
			}
			key, known := strings.CutPrefix(name, metadataField)
			return u.metadata.get(key), false, known
		}
	})
}
