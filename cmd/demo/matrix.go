package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/report"
	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/services"
)

// matrix plays every mode against every fault.
type matrix struct {
	Mode        []modeFlag  `placeholder:"MODE" help:"Modes to play; default all."`
	Fault       []faultFlag `placeholder:"FAULT" help:"Faults to play; default all."`
	Webhooks    bool        `help:"Servers take Stripe's events, which come before the next server runs. Adds event-late."`
	Parallel    int         `default:"6" min:"1" max:"100" help:"Cells played at the same time."`
	JSON        bool        `name:"json" xor:"format" help:"Print the cells as JSON."`
	Markdown    bool        `xor:"format" help:"Print the table as Markdown."`
	HTML        bool        `name:"html" xor:"format" help:"Print the table as HTML."`
	DatabaseURL string      `name:"database-url" env:"DATABASE_URL" url:"postgres,postgresql" placeholder:"URL" help:"Postgres to use instead of starting one."`
}

// Run plays the cells and prints the table.
func (m matrix) Run(ctx context.Context, o output) (err error) {
	harness, err := newHarness(ctx, o,
		services.Options{DatabaseURL: m.DatabaseURL, SkipRedis: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, harness.Services.Close()) }()
	harness.Webhooks = m.Webhooks

	cells, err := m.play(ctx, o.bar, harness)
	if err != nil {
		return err
	}
	var played report.Matrix
	for _, c := range cells {
		played = append(played, reported(c))
	}
	if err := m.print(o.out, played); err != nil {
		return err
	}
	return worst(played)
}

// play plays the chosen cells, several at the same time, and returns them in their order.
func (m matrix) play(
	ctx context.Context, bar io.Writer, harness scenario.Harness,
) ([]scenario.Cell, error) {
	ids := m.cells()
	cells := make([]scenario.Cell, len(ids))
	progress := newProgressBar(bar, len(ids), "cells")
	defer progress.clear()
	return cells, harness.Matrix(ctx, ids, m.Parallel, func(c scenario.Cell) {
		cells[slices.Index(ids, scenario.CellID{Mode: c.Mode, Fault: c.Fault})] = c
		progress.step(faults.Under(c.Mode, c.Fault), reported(c).Problem())
	})
}

// reported is the cell as a table has it.
func reported(c scenario.Cell) report.Cell {
	return report.Cell{
		Mode: c.Mode, Fault: c.Fault, Expected: c.Expected, After: c.After,
		Recovered: c.Recovered, Took: c.Took, Needs: c.Needs(), Err: c.Err,
	}
}

// worst returns an error if a cell is not as expected, or else the first error of a cell that could
// not be played.
func worst(played report.Matrix) error {
	var unplayed error
	for _, c := range played {
		if c.Err == nil && !c.OK() {
			return fmt.Errorf("%w: %s", errBroken, played.Summary())
		}
		unplayed = cmp.Or(unplayed, c.Err)
	}
	if unplayed != nil {
		return fmt.Errorf("some cells could not be played: %s: %w", played.Summary(), unplayed)
	}
	return nil
}

// cells returns the chosen cells, fault by fault.
func (m matrix) cells() (ids []scenario.CellID) {
	rows := faults.Rows()
	if m.Webhooks || len(m.Fault) > 0 {
		rows = faults.All()
	}
	for _, row := range rows {
		for _, mode := range billing.Modes() {
			if (len(m.Mode) == 0 || slices.ContainsFunc(m.Mode, func(chosen modeFlag) bool {
				return chosen.Name == mode.Name
			})) && (len(m.Fault) == 0 || slices.ContainsFunc(m.Fault, func(chosen faultFlag) bool {
				return chosen.Fault == row.Fault
			})) {
				ids = append(ids, scenario.CellID{Mode: mode.Name, Fault: row.Fault})
			}
		}
	}
	return ids
}

func (m matrix) print(w io.Writer, played report.Matrix) error {
	switch {
	case m.JSON:
		return played.JSON(w)
	case m.Markdown:
		return played.Markdown(w)
	case m.HTML:
		return played.HTML(w)
	}
	return played.Text(w)
}
