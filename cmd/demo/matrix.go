package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/verdicts"
)

// matrix plays every mode against every fault.
type matrix struct {
	Mode        []string `placeholder:"MODE" help:"Only these modes."`
	Fault       []string `placeholder:"FAULT" help:"Only these faults."`
	Parallel    int      `default:"6" help:"How many cells are played at a time."`
	JSON        bool     `name:"json" xor:"format" help:"Print the cells for a program."`
	Markdown    bool     `xor:"format" help:"Print the table in Markdown."`
	HTML        bool     `name:"html" xor:"format" help:"Print the table in HTML."`
	DatabaseURL string   `name:"database-url" env:"DATABASE_URL" placeholder:"URL" help:"Use this Postgres instead of starting one."`
}

// Run plays the cells and prints the table.
func (m matrix) Run(ctx context.Context, o output) (err error) {
	ids, err := m.cells()
	if err != nil {
		return fmt.Errorf("%w%w", errUsage, err)
	}
	stage, closeStage, err := faultStage(ctx, o, m.DatabaseURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStage()) }()

	played := playedCells{}
	began := time.Now()
	err = stage.Matrix(ctx, ids, m.Parallel, func(c scenario.Cell) {
		played[scenario.CellID{Mode: c.Mode, Fault: c.Fault}] = c
		note := ""
		if c.Err != nil {
			note = ": " + c.Err.Error()
		} else if !c.OK() {
			note = fmt.Sprintf(": %s, then %s, and not %s, then %s", c.After, c.Recovered,
				c.Expected.After, c.Expected.Recovered)
		}
		fmt.Fprintf(o.log, "%3d of %d, %s: %s under %s%s\n", len(played), len(ids),
			time.Since(began).Round(time.Second), c.Mode, c.Fault, note)
	})
	if err != nil {
		return err
	}
	if err := m.print(o, ids, played); err != nil {
		return err
	}
	for _, c := range played {
		if !c.OK() {
			return errBroken
		}
	}
	return nil
}

// cells are those that were asked for, fault by fault.
func (m matrix) cells() (ids []scenario.CellID, err error) {
	if m.Parallel < 1 {
		return nil, fmt.Errorf("--parallel %d: want 1 or more", m.Parallel)
	}
	for _, name := range m.Mode {
		if _, err := billing.ModeNamed(name); err != nil {
			return nil, fmt.Errorf("--mode: %w", err)
		}
	}
	for _, name := range m.Fault {
		if !slices.Contains(verdicts.Faults(), verdicts.Fault(name)) {
			return nil, fmt.Errorf("--fault: no fault is called %q: use one of %s", name, faultNames())
		}
	}
	for _, f := range verdicts.Faults() {
		for _, mode := range billing.Modes() {
			if (len(m.Mode) == 0 || slices.Contains(m.Mode, mode.Name)) &&
				(len(m.Fault) == 0 || slices.Contains(m.Fault, string(f))) {
				ids = append(ids, scenario.CellID{Mode: mode.Name, Fault: f})
			}
		}
	}
	return ids, nil
}

func (m matrix) print(o output, ids []scenario.CellID, played playedCells) error {
	switch {
	case m.JSON:
		e := json.NewEncoder(o.out)
		e.SetIndent("", "  ")
		return e.Encode(cellsJSON(ids, played))
	case m.Markdown:
		return played.markdown(o.out, ids)
	case m.HTML:
		return played.html(o.out, ids)
	}
	return played.text(o.out, ids)
}

// cellJSON is a cell as --json prints it.
type cellJSON struct {
	Mode      string          `json:"mode"`
	Fault     verdicts.Fault  `json:"fault"`
	Charges   int             `json:"charges"`
	Entries   int             `json:"entries"`
	Recovered verdicts.Counts `json:"recovered"`
	Expected  expectedJSON    `json:"expected"`
	OK        bool            `json:"ok"`
	Applies   bool            `json:"applies"`
	Why       string          `json:"why"`
	Seconds   float64         `json:"seconds"`
}

type expectedJSON struct {
	verdicts.Counts
	Recovered verdicts.Counts `json:"recovered"`
}

func cellsJSON(ids []scenario.CellID, played playedCells) []cellJSON {
	cells := []cellJSON{}
	for _, id := range ids {
		c := played[id]
		cells = append(cells, cellJSON{
			Mode: c.Mode, Fault: c.Fault, Charges: c.After.Charges, Entries: c.After.Entries,
			Recovered: c.Recovered, OK: c.OK(), Applies: c.Expected.Applies, Why: c.Expected.Why,
			Expected: expectedJSON{c.Expected.After, c.Expected.Recovered},
			Seconds:  c.Took.Seconds(),
		})
	}
	return cells
}

func faultNames() string {
	var names []string
	for _, f := range verdicts.Faults() {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}
