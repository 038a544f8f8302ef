package event_test

import (
	"testing"
	"time"

	"example.com/triplecharge/internal/event"
)

func TestParseReadsALineOfAServer(t *testing.T) {
	t.Parallel()
	line := `{"time":"2026-12-01T00:00:00.25+01:00","level":"INFO","msg":"lease.obtained",` +
		`"server":"server-a","invoice":"alice/2026-12","key":"lock:billing:alice:2026-12",` +
		`"value":"server-a:…","ttl_ms":5000,"ms":0.512,"held_ms":3}`
	got, err := event.Parse([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Date(2026, 11, 30, 23, 0, 0, 250e6, time.UTC); !got.Time.Equal(want) {
		t.Errorf("got the time %v, want %v", got.Time, want)
	}
	got.Time = time.Time{}
	want := event.Event{
		Kind: event.LeaseObtained, Server: "server-a", Invoice: "alice/2026-12",
		Key: "lock:billing:alice:2026-12", Value: "server-a:…", TTLMS: 5000, MS: 0.512,
	}
	if got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestParseRefusesWhatIsNoEvent(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]string{
		"nothing":     ``,
		"a panic":     `panic: runtime error: index out of range`,
		"half a line": `{"time":"2026-12-01T00:00:00Z","msg":"run.st`,
		"other JSON":  `{"level":"info","message":"hello"}`,
		"null":        `null`,
		"a list":      `[]`,
		"no time":     `{"msg":"run.started","server":"server-a"}`,
		"no name":     `{"time":"2026-12-01T00:00:00Z","server":"server-a"}`,
		"no server":   `{"time":"2026-12-01T00:00:00Z","msg":"run.started"}`,
		"a field of another type": `{"time":"2026-12-01T00:00:00Z","msg":"x","server":"a",` +
			`"ms":"1s"}`,
	} {
		if e, err := event.Parse([]byte(line)); err == nil || e != (event.Event{}) {
			t.Errorf("%s: got %+v, %v; want an error and nothing else", name, e, err)
		}
	}
}
