// Package player answers the questions of the static site's pages in the visitor's browser, where
// it is compiled to WebAssembly: it searches the interleavings of a mode, and draws a recorded run
// up to a step.
package player

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/explore"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/money"
	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/internal/verdict"
)

// Recording is a run that can be stepped through.
type Recording struct {
	timeline.Run
	Wrong bool `json:"wrong"` // the verdict is that something is
}

// Told returns a story of the explorer as a run, without a title.
func Told(story explore.Story) timeline.Run {
	wrong := cmp.Or(story.Wrong, verdict.Judge(story.Counts).String())
	return timeline.Run{
		Verdict: fmt.Sprintf("%s: %s.", story.Counts, wrong), Customer: "Alice",
		Servers: story.Servers, Invoice: "alice/2026-12", Events: story.Events(),
	}
}

// question is what a page asks: a search, or a picture.
type question struct {
	ID     int `json:"id"`
	Search *struct {
		Mode    string       `json:"mode"`
		Servers int          `json:"servers"`
		Faults  int          `json:"faults"`
		Only    faults.Fault `json:"only"` // "": any fault
	} `json:"search"`
	Draw *struct {
		Recording
		Step   int    `json:"step"`   // the number of events that have happened
		Beside string `json:"beside"` // begins the IDs of the parts
		Narrow bool   `json:"narrow"` // the picture has half the width of a page
	} `json:"draw"`
}

// answer is what the page gets. A search is answered several times: with its progress, then with
// what it found.
type answer struct {
	ID       int         `json:"id"`
	Problem  string      `json:"problem,omitempty"`
	Progress string      `json:"progress,omitempty"`
	Said     []string    `json:"said,omitempty"`
	Found    []Recording `json:"found,omitempty"`
	Parts    string      `json:"parts,omitempty"` // HTML
}

// memory is how much a search may use in a browser: a phone has little more for a page.
const memory = 1 << 30

// Answer answers a question with calls of reply, each with JSON. What is not a question of the
// site's pages is answered with a problem.
func Answer(ctx context.Context, text string, reply func(string)) {
	var q question
	a, err := answer{}, json.Unmarshal([]byte(text), &q)
	send := func(a answer) {
		a.ID = q.ID
		out, err := json.Marshal(a)
		if err == nil {
			reply(string(out))
		}
	}
	switch {
	case err != nil:
	case q.Search != nil:
		a, err = search(ctx, q, send)
	case q.Draw != nil:
		width := 0
		if q.Draw.Narrow {
			width = timeline.Narrow
		}
		var shown timeline.Shown
		shown, err = q.Draw.Show(q.Draw.Step, q.Draw.Beside, "", width)
		a.Parts = shown.Parts(q.Draw.Beside)
	}
	if err != nil {
		a.Problem = err.Error()
	}
	send(a)
}

func search(ctx context.Context, q question, send func(answer)) (a answer, err error) {
	o := explore.Options{
		Servers: q.Search.Servers, Faults: q.Search.Faults, Workers: 1, MaxBytes: memory,
	}
	if o.Mode, err = billing.ModeNamed(q.Search.Mode); err != nil {
		return a, err
	}
	if f := q.Search.Only; f != "" {
		o.Only, o.Faults = []faults.Fault{f}, explore.Need(f)
	}
	result, err := explore.Explore(ctx, o, func(p explore.Progress) {
		send(answer{Progress: money.Count(p.States, "state") + " so far"})
	})
	if err != nil {
		return a, err
	}
	a.Said = []string{o.String(), result.String(), o.Judge(result)}
	for _, s := range result.Shortest {
		story, err := explore.Narrate(s)
		if err != nil {
			return a, err
		}
		r := Recording{Told(story), true}
		r.Title = "The shortest schedule that ends " + s.Wrong
		r.About = "In a terminal: demo explore --replay " + s.String()
		a.Found = append(a.Found, r)
	}
	return a, nil
}
