package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

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
	progress := newProgressBar(o.log, len(ids))
	err = stage.Matrix(ctx, ids, m.Parallel, func(c scenario.Cell) {
		played[scenario.CellID{Mode: c.Mode, Fault: c.Fault}] = c
		progress.step(c.Mode+" under "+string(c.Fault), complaint(c))
	})
	progress.clear()
	if err != nil {
		return err
	}
	if err := m.print(o.out, ids, played); err != nil {
		return err
	}
	return played.verdict(ids)
}

// complaint is a line that says which cell is wrong, and how; "" if none is, or if all that it
// lacks is a program.
func complaint(c scenario.Cell) string {
	switch {
	case c.OK(), c.Needs() != "":
		return ""
	case c.Err != nil:
		return c.Err.Error()
	}
	return fmt.Sprintf("%s under %s: %s, then %s; expected %s, then %s", c.Mode, c.Fault,
		c.After, c.Recovered, c.Expected.After, c.Expected.Recovered)
}

// verdict is the exit status' reason: that cells came out otherwise, or could not be played, and
// why the first could not.
func (t playedCells) verdict(ids []scenario.CellID) error {
	var unplayed error
	for _, id := range ids {
		c := t[id]
		if c.Err == nil && !c.OK() {
			return fmt.Errorf("%w: %s", errBroken, t.summary())
		}
		unplayed = cmp.Or(unplayed, c.Err)
	}
	if unplayed != nil {
		return fmt.Errorf("not all cells could be played: %s: %w", t.summary(), unplayed)
	}
	return nil
}

// summary counts the cells by what came of them.
func (t playedCells) summary() string {
	counts := map[string]int{}
	for _, c := range t {
		counts[outcome(c)]++
	}
	var parts []string
	for _, o := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[o], o))
	}
	return strings.Join(parts, ", ")
}

func outcome(c scenario.Cell) string {
	switch {
	case c.Needs() != "":
		return "need " + c.Needs()
	case c.Err != nil:
		return "not played"
	case !c.Expected.Applies:
		return verdicts.NotApplicable
	case c.OK():
		return "as expected"
	}
	return "not as expected"
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

func (m matrix) print(w io.Writer, ids []scenario.CellID, played playedCells) error {
	switch {
	case m.JSON:
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(cellsJSON(ids, played))
	case m.Markdown:
		return played.markdown(w, ids)
	case m.HTML:
		return played.html(w, ids)
	}
	return played.text(w, ids, terminalWidth(w))
}

func faultNames() string {
	var names []string
	for _, f := range verdicts.Faults() {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}
