package worker

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/event"
)

// logged has the fields of a line of a server's output that these tests look at.
type logged struct {
	Level, Server, Invoice, Period, Address, Reason, Error string
	Msg                                                    event.Kind
	MS                                                     *float64
	Billed, Token                                          int
}

// eventLog collects a server's output.
type eventLog struct {
	mu      sync.Mutex
	text    bytes.Buffer
	events  []logged
	closed  bool
	changed chan struct{} // closed when there is more, and replaced
}

func newEventLog() *eventLog { return &eventLog{changed: make(chan struct{})} }

// Write adds a line: slog makes one call for each.
func (l *eventLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(line)
	var e logged
	if err := json.Unmarshal(line, &e); err != nil {
		e = logged{Msg: "garbled", Error: err.Error()}
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

// change wakes those who wait for events. The caller holds the mutex.
func (l *eventLog) change() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// all returns the events so far, and a channel that is closed when there are more; nil if the
// server has ended.
func (l *eventLog) all() ([]logged, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return slices.Clone(l.events), nil
	}
	return slices.Clone(l.events), l.changed
}

// lines returns the events after the first n as they come, until the server has ended.
func (l *eventLog) lines(n int) func(yield func(logged) bool) {
	return func(yield func(logged) bool) {
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

// wait waits for the first event of the kind and the invoice ("" for any), and returns it.
func (n *node) wait(kind event.Kind, invoice string) logged {
	n.t.Helper()
	for e := range n.lines(0) {
		if e.Msg == kind && (invoice == "" || e.Invoice == invoice) {
			return e
		}
	}
	n.t.Fatalf("the server ended without %s %s: %v\n%s", kind, invoice, <-n.done, n.String())
	return logged{}
}

// wantKnownFields checks that each line has the fields that the table lists for its kind.
func (l *eventLog) wantKnownFields(t *testing.T) {
	t.Helper()
	for line := range strings.Lines(l.String()) {
		var e struct{ Msg event.Kind }
		var fields map[string]any
		must(t, json.Unmarshal([]byte(line), &e))
		must(t, json.Unmarshal([]byte(line), &fields))
		known := append(strings.Fields("time level msg server invoice at"), e.Msg.Fields()...)
		for name := range fields {
			if e.Msg.Outside() || !slices.Contains(known, name) {
				t.Errorf("%s has the field %s, which is not in the table of kinds", e.Msg, name)
			}
		}
		apart := []event.Kind{ // the mode is not at work then
			event.InvoiceSkipped, event.InvoiceFailed, event.LeaseRenewed, event.LeaseLost,
			event.WebhookReceived,
		}
		// With webhooks, the mode may have recorded it, or Stripe's event.
		either := e.Msg == event.LedgerRecorded &&
			strings.Contains(l.String(), string(event.WebhookReceived))
		if _, at := fields["at"]; !either && fields["invoice"] != nil &&
			at == slices.Contains(apart, e.Msg) {
			t.Errorf("%s says where in the mode it was: %v: %s", e.Msg, at, line)
		}
		for _, name := range e.Msg.Fields() {
			if _, ok := fields[name]; !ok && name != "error" {
				t.Errorf("%s lacks the field %s: %s", e.Msg, name, line)
			}
		}
	}
}

// String returns the whole output.
func (l *eventLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// kinds returns the kinds of an invoice's events, and of all events without an invoice, in order.
func (l *eventLog) kinds(invoice string) []event.Kind {
	var kinds []event.Kind
	events, _ := l.all()
	for _, e := range events {
		if e.Invoice == "" || e.Invoice == invoice {
			kinds = append(kinds, e.Msg)
		}
	}
	return kinds
}

var _ io.Writer = (*eventLog)(nil)

func TestEventsAreSentencesForPeople(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	e := newEvents(&out, Config{Name: "server-b", LogFormat: "text"})
	ctx := withInvoice(t.Context(), billing.Invoice{
		Subscription: billing.Subscription{ID: "alice"}, Period: billingtest.December(),
	})
	e.say(ctx, event.InvoiceSkipped, slog.String("reason", "skipped"))
	e.say(ctx, event.LedgerRecorded)
	e.say(t.Context(), event.RunFinished)
	want := regexp.MustCompile(`^[\d:.]{12}  Someone else is billing alice. Skipping.
[\d:.]{12}  alice: Recorded the charge.
[\d:.]{12}  Finished its due run.
$`)
	if !want.Match(out.Bytes()) {
		t.Errorf("got %q, want %s", out.String(), want)
	}
}
