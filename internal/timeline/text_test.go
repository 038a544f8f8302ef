package timeline_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/golden"
	"example.com/triplecharge/internal/timeline"
)

// threeServers shows the bug.
func threeServers() []event.Event {
	return []event.Event{
		charged(at(250, "server-a", event.ChargeSucceeded, 250)),
		charged(at(252, "server-b", event.ChargeSucceeded, 251)),
		charged(at(260, "server-c", event.ChargeSucceeded, 258)),
		at(253, "server-a", event.LedgerRecorded, 3),
		at(257, "server-b", event.LedgerRecorded, 5),
		at(262, "server-c", event.LedgerRecorded, 2),
	}
}

func charged(e event.Event) event.Event {
	e.AmountMinor, e.Currency = 1000, "usd"
	return e
}

// lease turns an event into one of a safe lease.
func lease(e event.Event) event.Event {
	e.Key, e.Value, e.TTLMS = "lock:billing:alice:2026-12", e.Server+":…", 5000
	return e
}

func because(e event.Event, reason string) event.Event {
	e.Reason = reason
	return e
}

func failing(e event.Event, err string) event.Event {
	e.Error = err
	return e
}

// oneInThree shows the same servers with the lock; c comes late.
func oneInThree() []event.Event {
	return []event.Event{
		lease(at(1, "server-a", event.LeaseObtained, 1)),
		lease(at(2, "server-b", event.LeaseHeld, 1)),
		because(at(2, "server-b", event.InvoiceSkipped, 0), "skipped"),
		charged(at(255, "server-a", event.ChargeSucceeded, 250)),
		at(258, "server-a", event.LedgerRecorded, 3),
		lease(at(259, "server-a", event.LeaseReleased, 1)),
		lease(at(401, "server-c", event.LeaseObtained, 1)),
		because(at(404, "server-c", event.InvoiceSkipped, 0), "already billed"),
		lease(at(405, "server-c", event.LeaseReleased, 1)),
	}
}

// troubles shows one server for each thing that can go wrong.
func troubles() []event.Event {
	const unknown = "charge alice/2026-12: outcome unknown: EOF"
	return []event.Event{
		failing(at(100, "declined", event.ChargeDeclined, 100), "card declined"),
		failing(at(101, "declined", event.InvoiceFailed, 0), "card declined"),
		failing(at(200, "unknown", event.ChargeUnknown, 200), unknown),
		failing(at(200, "unknown", event.InvoiceFailed, 0), unknown),
		lease(at(1, "superseded", event.LeaseObtained, 1)),
		lease(at(80, "superseded", event.LeaseLost, 0)),
		charged(at(120, "superseded", event.ChargeSucceeded, 118)),
		at(125, "superseded", event.LedgerRecorded, 5),
		charged(at(150, "forgetful", event.ChargeSucceeded, 150)),
		failing(at(190, "forgetful", event.LedgerFailed, 40), "no connection"),
		failing(at(190, "forgetful", event.InvoiceFailed, 0), "no connection"),
		charged(at(160, "killed", event.ChargeSucceeded, 150)),
		failing(at(5, "lost", event.LeaseFailed, 5), "connection refused"),
		failing(at(3, "unlucky", event.InvoiceFailed, 0), "ask whether alice is charged: timeout"),
	}
}

func TestTextDrawing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		golden  string
		servers []string
		events  []event.Event
	}{
		{"three-charges.txt", three(), threeServers()},
		{"one-charge.txt", three(), oneInThree()},
		{"nothing.txt", three(), nil},
		{"instant.txt", three()[:1], []event.Event{
			because(at(0, "server-a", event.InvoiceSkipped, 0), "skipped"),
		}},
		{"webhooks.txt", three()[:2], []event.Event{
			charged(at(5, "server-a", event.WebhookReceived, 0)),
			at(6, "server-a", event.LedgerRecorded, 1),
			charged(at(7, "server-b", event.WebhookReceived, 0)),
			at(8, "server-b", event.LedgerRecorded, 1),
			charged(at(9, "server-b", event.WebhookReceived, 0)),
			at(10, "server-b", event.LedgerRecorded, 1),
		}},
		{"troubles.txt", []string{
			"declined", "unknown", "superseded", "forgetful", "killed", "lost", "unlucky", "idle-ü",
		}, troubles()},
	} {
		t.Run(test.golden, func(t *testing.T) {
			t.Parallel()
			var got strings.Builder
			timeline.Draw(alice, test.servers, test.events).Text(&got, "Alice")
			golden.Check(t, test.golden, got.String())
		})
	}
}

// recorded reads the events of a real run from testdata/<mode>.<fault>.jsonl.
func recorded(t *testing.T, name string) []event.Event {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var events []event.Event
	for line := range bytes.Lines(content) {
		var e event.Event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

// recordings are runs that together have everything that a picture can show.
func recordings() []string {
	return []string{
		"uncoordinated.none", "locked.none", "locked.pause", "locked.redis-failover",
		"locked.partition-before-charge", "naive-lock.slow-stripe", "fenced.pause",
		"idempotent.lost-reply", "idempotent.declined-then-fixed", "claimed.crash-before-charge",
		"exactly-once.crash-after-charge",
	}
}

func three() []string { return []string{"server-a", "server-b", "server-c"} }

func TestTextDrawingOfRealRuns(t *testing.T) {
	t.Parallel()
	for _, name := range recordings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got strings.Builder
			timeline.Draw(alice, three(), recorded(t, name)).Text(&got, "Alice")
			golden.Check(t, name+".txt", got.String())
		})
	}
}

func TestADrawingFitsItsTerminal(t *testing.T) {
	t.Parallel()
	golden.Widths(t, "fenced.pause", func(w io.Writer) {
		timeline.Draw(alice, three(), recorded(t, "fenced.pause")).Text(w, "Alice")
	})
}

func TestTheScaleFitsATerminal(t *testing.T) {
	t.Parallel()
	for _, name := range recordings() {
		var got strings.Builder
		timeline.Draw(alice, three(), recorded(t, name)).Text(&got, "Alice")
		scale, _, _ := strings.Cut(got.String(), "\n\n") // the part before the words
		for line := range strings.Lines(scale) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Errorf("%d columns: %s", n, line)
			}
		}
	}
}
