package main

import (
	"fmt"
	"io"

	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/money"
	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/internal/verdict"
)

// told returns a cell as a run that can be shown again.
func told(c scenario.Cell) timeline.Run {
	a := c.Invoice
	met := "under " + string(c.Fault)
	if c.Fault == faults.None {
		met = "at midnight"
	}
	row, _ := faults.Named(c.Fault) // the flag has looked it up
	return c.Picture.Run(timeline.Run{
		Title: fmt.Sprintf("%s %s: Alice owed %s and paid %s", c.Mode, met,
			money.Amount(a.DueMinor, a.Currency), money.Amount(a.ChargedMinor, a.Currency)),
		About: row.Text, Customer: "Alice",
		Verdict: fmt.Sprintf("%s: %s. %s", c.After, verdict.Judge(c.After), recovered(c)),
	})
}

// recovered says what a recovery run came to.
func recovered(c scenario.Cell) string {
	return fmt.Sprintf("After a recovery run: %s: %s.", c.Recovered, verdict.Judge(c.Recovered))
}

// drawing draws a run as an SVG.
func drawing(r timeline.Run) func(io.Writer) error {
	return timeline.Canvas{Picture: r.Picture(), Name: r.Customer, Title: r.Title}.SVG
}

// recordingOf writes runs as a recording.
func recordingOf(runs ...timeline.Run) func(io.Writer) error {
	return func(w io.Writer) error { return timeline.WriteRecording(w, runs) }
}
