package timeline_test

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/timeline"
)

// someRun is a run with a charge.
func someRun(events ...event.Event) timeline.Run {
	at := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	kinds := []event.Kind{event.ChargeSent, event.StripeCharged, event.ChargeSucceeded}
	for i, kind := range kinds {
		events = append(events, event.Event{
			Time: at.Add(time.Duration(i) * time.Second), Kind: kind, Server: "server-a",
			Invoice: "alice/2026-12", AmountMinor: 1000, Currency: "usd", PaymentIntent: "pi_1",
		})
	}
	p := timeline.Draw("alice/2026-12", []string{"server-a", "server-b"}, events)
	return p.Run(timeline.Run{Title: "One", About: "It works.", Customer: "Alice"})
}

func written(t testing.TB, runs ...timeline.Run) string {
	t.Helper()
	var b bytes.Buffer
	if err := timeline.WriteRecording(&b, runs); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestARecordingIsDrawnAsTheRunWas(t *testing.T) {
	t.Parallel()
	run := someRun()
	read, err := timeline.ReadRecording(strings.NewReader(written(t, run, run)))
	if err != nil || len(read) != 2 || !reflect.DeepEqual(read[1], run) ||
		!reflect.DeepEqual(read[1].Picture(), run.Picture()) {
		t.Errorf("got %+v, %v", read, err)
	}
}

func TestWhatIsNoRecordingIsRefused(t *testing.T) {
	t.Parallel()
	good := written(t, someRun())
	crowded, eternal, none := someRun(), someRun(), someRun()
	crowded.Events = make([]event.Event, 5000)
	eternal.Events[2].Time = eternal.Events[2].Time.AddDate(5000, 0, 0)
	none.Servers = nil
	timeless, slow := someRun(), someRun()
	timeless.Events[1].Time = time.Time{}
	slow.Events[1].MS = 1e300
	for want, text := range map[string]string{
		"it is no recording: unexpected end": "",
		"it is no recording: invalid":        "<!doctype html>",
		"its format is not":                  `{"rows": []}`,
		"unexpected end of JSON":             good[:len(good)/2],
		"invalid character":                  good + good,
		"version 2":                          strings.Replace(good, `on": 1`, `on": 2`, 1),
		"more than 16 MB":                    good + strings.Repeat(" ", 16<<20),
		"0 runs":                             written(t),
		"1001 runs":                          written(t, make([]timeline.Run, 1001)...),
		"5000 events":                        written(t, crowded),
		"0 servers":                          written(t, none),
		"run 1: event 2 has no time":         written(t, timeless),
		"event 3 is more than a year":        written(t, eternal),
		"event 2 is more than a year":        written(t, slow),
	} {
		_, err := timeline.ReadRecording(strings.NewReader(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestTextsFromOutsideAreMadeHarmless(t *testing.T) {
	t.Parallel()
	run := someRun()
	run.Title, run.Servers[1], run.Events[1].Error = "a\x1b]0;b\a", "\u009b2J", "x\x00\n\u202ey"
	read, err := timeline.ReadRecording(strings.NewReader(written(t, run)))
	if err != nil {
		t.Fatal(err)
	}
	got := []string{read[0].Title, read[0].Servers[1], read[0].Events[1].Error}
	want := []string{"a\ufffd]0;b\ufffd", "\ufffd2J", "x\ufffd\ufffd\ufffdy"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Whatever is read can be drawn.
func FuzzReadRecording(f *testing.F) {
	text := written(f, someRun())
	f.Add(text)
	f.Add(strings.ReplaceAll(text, "server-a", "server-b"))
	f.Add(strings.ReplaceAll(text, string(event.StripeCharged), string(event.ServerPaused)))
	f.Fuzz(func(t *testing.T, text string) {
		runs, err := timeline.ReadRecording(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, r := range runs {
			p := r.Picture()
			p.Text(io.Discard, r.Customer)
			if err := (timeline.Canvas{Picture: p, Title: r.Title}).SVG(io.Discard); err != nil {
				t.Error(err)
			}
			_ = p.Lines(p.Events, r.Customer)
		}
		if _, err := json.Marshal(runs); err != nil {
			t.Error(err)
		}
	})
}
