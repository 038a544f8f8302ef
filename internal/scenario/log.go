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
}

func newLog() *log { return &log{changed: make(chan struct{})} }

func (l *log) add(e timeline.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
	close(l.changed)
	l.changed = make(chan struct{})
}

// since returns the events behind the first n, and a channel that is closed when there are more.
func (l *log) since(n int) ([]timeline.Event, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.events[n:]), l.changed
}
