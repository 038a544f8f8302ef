package main

import (
	"fmt"
	"io"

	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/money"
	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/timeline"
)

// drawing draws a cell as an SVG.
func drawing(c scenario.Cell) func(io.Writer) error {
	a := c.Invoice
	met := "under " + string(c.Fault)
	if c.Fault == faults.None {
		met = "at midnight"
	}
	return timeline.Canvas{
		Picture: c.Picture, Name: "Alice",
		Title: fmt.Sprintf("%s %s: Alice owed %s and paid %s", c.Mode, met,
			money.Amount(a.DueMinor, a.Currency), money.Amount(a.ChargedMinor, a.Currency)),
	}.SVG
}
