package scenario

import (
	"slices"
	"sync"

	"example.com/triplecharge/internal/timeline"
)

// log collects the events of all servers of a scenario, in the order in which they were read. It is
// safe for concurrent use.
type log struct {
	mu      sync.Mutex
	events  []timeline.Event
	changed chan struct{} // closed at the next event, and replaced
	tell    func(timeline.Event)
}

// newLog returns an empty log. Whoever is to be told of each event is told in their order, and must
// not keep the log waiting; tell may be nil.
func newLog(tell func(timeline.Event)) *log {
	return &log{changed: make(chan struct{}), tell: tell}
}

func (l *log) add(e timeline.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
	if l.tell != nil {
		l.tell(e)
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

// since returns the events behind the first n, and a channel that is closed when there are more.
func (l *log) since(n int) ([]timeline.Event, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.events[n:]), l.changed
}
