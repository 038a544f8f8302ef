package timeline

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"
	"unicode"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/screen"
)

// Run is a run that can be shown again: the words around its picture, and what the picture is drawn
// from.
type Run struct {
	Title    string        `json:"title"`
	About    string        `json:"about"`    // what happens, in a sentence
	Verdict  string        `json:"verdict"`  // what came of it
	Customer string        `json:"customer"` // the name that sentences use
	Invoice  string        `json:"invoice"`  // <subscription>/<period>
	Servers  []string      `json:"servers"`  // in the order of their lanes
	Events   []event.Event `json:"events"`   // in the order of time
}

// Run returns the run of the picture, with the words of r.
func (p Picture) Run(r Run) Run {
	r.Invoice, r.Events = p.Invoice, p.Events
	for _, lane := range p.Lanes {
		r.Servers = append(r.Servers, lane.Name)
	}
	return r
}

// Picture draws the run.
func (r Run) Picture() Picture { return Draw(r.Invoice, r.Servers, r.Events) }

type recording struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Runs    []Run  `json:"runs"`
}

// A file has this format and version. A change that an older program would show wrongly needs the
// next version.
const (
	recordingFormat  = "triplecharge-recording"
	recordingVersion = 1
)

// The bounds of a recording, many times as large as those that we write.
const (
	maxRecording = 16 << 20 // bytes
	maxRuns      = 1000
	maxServers   = 100 // of a run
	maxEvents    = 2000
	maxSpan      = 366 * 24 * time.Hour // from a run's first event to its last
)

// WriteRecording writes runs as a recording.
func WriteRecording(w io.Writer, runs []Run) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(recording{recordingFormat, recordingVersion, runs})
}

// ReadRecording reads a recording from anywhere: in what it returns, texts have no control
// characters.
func ReadRecording(from io.Reader) ([]Run, error) {
	text, err := io.ReadAll(io.LimitReader(from, maxRecording+1))
	if err != nil {
		return nil, err
	}
	var r recording
	switch err := json.Unmarshal(text, &r); {
	case len(text) > maxRecording:
		return nil, fmt.Errorf("it has more than %d MB", maxRecording>>20)
	case err != nil && r.Format != recordingFormat:
		return nil, fmt.Errorf("it is no recording: %w", err)
	case r.Format != recordingFormat:
		return nil, fmt.Errorf("it is no recording: its format is not %q", recordingFormat)
	case r.Version != recordingVersion:
		return nil, fmt.Errorf("it is a recording of version %d, and this program reads version %d",
			r.Version, recordingVersion)
	case err != nil:
		return nil, err
	case len(r.Runs) == 0 || len(r.Runs) > maxRuns:
		return nil, fmt.Errorf("it has %d runs: want 1 to %d", len(r.Runs), maxRuns)
	}
	harmless(reflect.ValueOf(r.Runs))
	for i, run := range r.Runs {
		if err := run.validate(); err != nil {
			return nil, fmt.Errorf("run %d: %w", i+1, err)
		}
	}
	return r.Runs, nil
}

// validate refuses what can't be drawn.
func (r Run) validate() error {
	if len(r.Servers) == 0 || len(r.Servers) > maxServers || len(r.Events) > maxEvents {
		return fmt.Errorf("%d servers and %d events: want 1 to %d, and at most %d",
			len(r.Servers), len(r.Events), maxServers, maxEvents)
	}
	for i, e := range r.Events {
		after := e.Time.Sub(r.Events[0].Time)
		switch {
		case e.Time.IsZero() || e.Kind == "":
			return fmt.Errorf("event %d has no time or kind", i+1)
		case after < -maxSpan || after > maxSpan || e.MS < 0 || e.MS > maxSpan.Seconds()*1000:
			return fmt.Errorf("event %d is more than a year away from the first", i+1)
		}
	}
	return nil
}

// harmless replaces the control characters in all texts in v.
func harmless(v reflect.Value) {
	switch v.Kind() {
	case reflect.Slice:
		for i := range v.Len() {
			harmless(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			harmless(v.Field(i))
		}
	case reflect.String:
		if v.CanSet() {
			v.SetString(strings.Map(func(c rune) rune {
				if screen.IsControl(c) {
					return unicode.ReplacementChar
				}
				return c
			}, v.String()))
		}
	}
}
