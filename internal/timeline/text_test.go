package timeline_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"example.com/triplecharge/internal/timeline"
)

var update = flag.Bool("update", false, "write the golden files anew")

// threeServers is what the bug looks like.
func threeServers() []timeline.Event {
	return []timeline.Event{
		charged(at(250, "server-a", "charge.succeeded", 250)),
		charged(at(252, "server-b", "charge.succeeded", 251)),
		charged(at(260, "server-c", "charge.succeeded", 258)),
		at(253, "server-a", "ledger.recorded", 3),
		at(257, "server-b", "ledger.recorded", 5),
		at(262, "server-c", "ledger.recorded", 2),
	}
}

func charged(e timeline.Event) timeline.Event {
	e.AmountMinor, e.Currency = 1000, "usd"
	return e
}

// lease is an event of a safe lease.
func lease(e timeline.Event) timeline.Event {
	e.Key, e.Value, e.TTLMS = "lock:billing:alice:2026-12", e.Server+":…", 5000
	return e
}

func because(e timeline.Event, reason string) timeline.Event {
	e.Reason = reason
	return e
}

func failing(e timeline.Event, err string) timeline.Event {
	e.Error = err
	return e
}

// oneInThree is what the lock makes of it; c comes late.
func oneInThree() []timeline.Event {
	return []timeline.Event{
		lease(at(1, "server-a", "lease.obtained", 1)),
		lease(at(2, "server-b", "lease.held", 1)),
		because(at(2, "server-b", "invoice.skipped", 0), "skipped"),
		charged(at(255, "server-a", "charge.succeeded", 250)),
		at(258, "server-a", "ledger.recorded", 3),
		lease(at(259, "server-a", "lease.released", 1)),
		lease(at(401, "server-c", "lease.obtained", 1)),
		because(at(404, "server-c", "invoice.skipped", 0), "already billed"),
		lease(at(405, "server-c", "lease.released", 1)),
	}
}

// troubles is a server for each thing that can go wrong.
func troubles() []timeline.Event {
	const unknown = "charge alice/2026-12: outcome unknown: EOF"
	return []timeline.Event{
		failing(at(100, "declined", "charge.declined", 100), "card declined"),
		failing(at(101, "declined", "invoice.failed", 0), "card declined"),
		failing(at(200, "unknown", "charge.unknown", 200), unknown),
		failing(at(200, "unknown", "invoice.failed", 0), unknown),
		lease(at(1, "overtaken", "lease.obtained", 1)),
		lease(at(80, "overtaken", "lease.lost", 0)),
		charged(at(120, "overtaken", "charge.succeeded", 118)),
		at(125, "overtaken", "ledger.recorded", 5),
		charged(at(150, "forgetful", "charge.succeeded", 150)),
		failing(at(190, "forgetful", "ledger.failed", 40), "no connection"),
		failing(at(190, "forgetful", "invoice.failed", 0), "no connection"),
		charged(at(160, "killed", "charge.succeeded", 150)),
		failing(at(5, "lost", "lease.failed", 5), "connection refused"),
		failing(at(3, "unlucky", "invoice.failed", 0), "ask whether alice is charged: timeout"),
	}
}

func TestTextDrawing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		golden  string
		servers []string
		events  []timeline.Event
	}{
		{"three-charges.txt", three(), threeServers()},
		{"one-charge.txt", three(), oneInThree()},
		{"nothing.txt", three(), nil},
		{"instant.txt", three()[:1], []timeline.Event{
			because(at(0, "server-a", "invoice.skipped", 0), "skipped"),
		}},
		{"troubles.txt", []string{
			"declined", "unknown", "overtaken", "forgetful", "killed", "lost", "unlucky", "idle-ü",
		}, troubles()},
	} {
		t.Run(test.golden, func(t *testing.T) {
			t.Parallel()
			var got strings.Builder
			timeline.Draw(alice, test.servers, test.events).Text(&got, "Alice")
			golden(t, test.golden, got.String())
		})
	}
}

// recorded reads the events of a real run: testdata/<mode>.<fault>.jsonl, as they were told.
func recorded(t *testing.T, name string) []timeline.Event {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var events []timeline.Event
	for line := range bytes.Lines(content) {
		var e timeline.Event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

// recordings are runs that between them have all that a picture can show.
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
			golden(t, name+".txt", got.String())
		})
	}
}

// golden compares what was drawn with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant, as %s has it (go test -update writes it)\n%s", got, path, want)
	}
}

func TestTheScaleFitsATerminal(t *testing.T) {
	t.Parallel()
	for _, name := range recordings() {
		var got strings.Builder
		timeline.Draw(alice, three(), recorded(t, name)).Text(&got, "Alice")
		scale, _, _ := strings.Cut(got.String(), "\n\n") // what comes before the words
		for line := range strings.Lines(scale) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Errorf("%d columns: %s", n, line)
			}
		}
	}
}
