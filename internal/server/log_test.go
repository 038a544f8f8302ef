package server

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"sync"
)

// event is a line of a server's output, with what these tests look at.
type event struct {
	Level, Msg, Server, Invoice, Period, Address, Reason, Error string
	MS                                                          *float64
	Billed                                                      int
}

// eventLog takes in what a server writes.
type eventLog struct {
	mu      sync.Mutex
	text    bytes.Buffer
	events  []event
	closed  bool
	changed chan struct{} // closed when there is more, and replaced
}

func newEventLog() *eventLog { return &eventLog{changed: make(chan struct{})} }

// Write takes a line: slog writes each at once.
func (l *eventLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(line)
	var e event
	if err := json.Unmarshal(line, &e); err != nil {
		e = event{Msg: "garbled", Error: err.Error()}
	}
	l.events = append(l.events, e)
	l.change()
	return len(line), nil
}

func (l *eventLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.change()
}

// change is called with the mutex held.
func (l *eventLog) change() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// all returns the events so far, and what is closed when there are more; nil if there won't be.
func (l *eventLog) all() ([]event, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return slices.Clone(l.events), nil
	}
	return slices.Clone(l.events), l.changed
}

// lines returns the events behind the first n as they come, until the server has ended.
func (l *eventLog) lines(n int) func(yield func(event) bool) {
	return func(yield func(event) bool) {
		for {
			events, more := l.all()
			for ; n < len(events); n++ {
				if !yield(events[n]) {
					return
				}
			}
			if more == nil {
				return
			}
			<-more
		}
	}
}

// wait returns the first event of the name and the invoice ("" for any), once it is there.
func (n *node) wait(name, invoice string) event {
	n.t.Helper()
	for e := range n.lines(0) {
		if e.Msg == name && (invoice == "" || e.Invoice == invoice) {
			return e
		}
	}
	n.t.Fatalf("the server ended without %s %s: %v\n%s", name, invoice, <-n.done, n.String())
	return event{}
}

// String is all that was written.
func (l *eventLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// names are those of the events of an invoice, and of all that have none, in order.
func (l *eventLog) names(invoice string) []string {
	var names []string
	events, _ := l.all()
	for _, e := range events {
		if e.Invoice == "" || e.Invoice == invoice {
			names = append(names, e.Msg)
		}
	}
	return names
}

var _ io.Writer = (*eventLog)(nil)
