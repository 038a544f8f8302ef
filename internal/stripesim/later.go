package stripesim

import (
	"slices"
	"sort"
	"sync"
	"sync/atomic"
)

// later is what Stripe does by itself after a while: a refund that the bank decides on, or an
// authorization that nobody captured. It happens by the simulator's clock, before the next request.
type later struct {
	next atomic.Int64 // the first one's time in seconds; zero: there is none
	mu   sync.Mutex
	list []laterItem // in the order of at
}

type laterItem struct {
	at int64
	do func() *apiError
}

// after calls do once the seconds have passed. An error, such as a lock that is held, means again
// later.
func (a *account) after(seconds int64, do func() *apiError) {
	l, at := &a.later, a.clock.unix()+seconds
	l.mu.Lock()
	defer l.mu.Unlock()
	i := sort.Search(len(l.list), func(i int) bool { return l.list[i].at > at })
	l.list = slices.Insert(l.list, i, laterItem{at, do})
	l.next.Store(l.list[0].at)
}

func (a *account) settle() {
	l, now := &a.later, a.clock.unix()
	if next := l.next.Load(); next == 0 || now < next {
		return
	}
	l.mu.Lock()
	n := sort.Search(len(l.list), func(i int) bool { return l.list[i].at > now })
	due := slices.Clone(l.list[:n])
	l.list = slices.Delete(l.list, 0, n)
	l.next.Store(0)
	if len(l.list) > 0 {
		l.next.Store(l.list[0].at)
	}
	l.mu.Unlock()
	for _, item := range due {
		if err := item.do(); err != nil {
			a.after(1, item.do)
		}
	}
}
