package fleet

import (
	"slices"
	"sync"
	"time"

	"example.com/triplecharge/internal/event"
)

// EventLog collects the events of all servers of a scenario, in the order in which they were read.
// It is safe for concurrent use.
type EventLog struct {
	mu      sync.Mutex
	events  []event.Event
	changed chan struct{} // closed at the next event, and replaced
	tell    func(event.Event)
}

// NewEventLog returns an empty log. It calls tell, which may be nil, for each event, in order; tell
// must not take long.
func NewEventLog(tell func(event.Event)) *EventLog {
	return &EventLog{changed: make(chan struct{}), tell: tell}
}

// Add adds an event.
func (l *EventLog) Add(e event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
	if l.tell != nil {
		l.tell(e)
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

// Happened adds an event that the servers can't log: it happens now, to a server or to none ("").
// reason explains it to a person.
func (l *EventLog) Happened(kind event.Kind, server, reason string) {
	l.Add(event.Event{Time: time.Now(), Kind: kind, Server: server, Reason: reason})
}

// Since returns the events after the first n, and a channel that is closed at the next event.
func (l *EventLog) Since(n int) ([]event.Event, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.events[n:]), l.changed
}
