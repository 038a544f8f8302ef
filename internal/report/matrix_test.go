package report_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/golden"
	"example.com/triplecharge/internal/report"
	"example.com/triplecharge/internal/verdict"
)

// played returns the cells of these modes and faults, or of all if none is named, each as expected.
func played(modes []string, fs ...faults.Fault) (m report.Matrix) {
	for _, row := range faults.Rows() {
		for _, mode := range billing.Modes() {
			if len(modes) > 0 && !slices.Contains(modes, mode.Name) ||
				len(fs) > 0 && !slices.Contains(fs, row.Fault) {
				continue
			}
			m = append(m, asExpected(row, mode))
		}
	}
	return m
}

func asExpected(row faults.Row, mode billing.Mode) report.Cell {
	e := row.Expect(mode, row.Servers)
	return report.Cell{
		Mode: mode.Name, Fault: row.Fault, Expected: e, After: e.After, Recovered: e.Recovered,
		Took: 1500 * time.Millisecond,
	}
}

// told returns the cells with webhooks, of the faults that these change.
func told() (m report.Matrix) {
	for _, row := range faults.All() {
		if len(row.Told) == 0 && !row.Webhooks {
			continue
		}
		row.Webhooks = true
		for _, mode := range billing.Modes() {
			m = append(m, asExpected(row, mode))
		}
	}
	return m
}

// troubled returns a small matrix with everything that can go wrong: cells that are not as
// expected, that lack a program, that could not be played, and that are n/a.
func troubled() report.Matrix {
	m := played([]string{"naive-lock", "locked", "redlock", "exactly-once"},
		faults.None, faults.RedisDown, faults.RedisFailover)
	change := func(mode string, f faults.Fault, do func(*report.Cell)) {
		for i := range m {
			if m[i].Mode == mode && m[i].Fault == f {
				do(&m[i])
			}
		}
	}
	change("locked", faults.None, func(c *report.Cell) {
		c.After = verdict.Counts{Charges: 2, Entries: 1}
		c.Recovered = c.After
	})
	change("exactly-once", faults.RedisDown, func(c *report.Cell) {
		c.After, c.Recovered = verdict.Counts{}, verdict.Counts{}
		c.Err = errors.New("exactly-once under redis-down: server-b did not listen in time")
	})
	for _, mode := range []string{"naive-lock", "locked", "exactly-once"} {
		change(mode, faults.RedisFailover, func(c *report.Cell) {
			c.After, c.Recovered = verdict.Counts{}, verdict.Counts{}
			c.Needs = "redis-server"
			c.Err = fmt.Errorf("%s under redis-failover: needs redis-server "+
				"(apt-get install redis-server, or brew install redis)", mode)
		})
	}
	return m
}

func TestTheMatrixIsPrinted(t *testing.T) {
	t.Parallel()
	m := troubled()
	for format, print := range map[string]func(io.Writer) error{
		"txt": func(w io.Writer) error { return m.Text(w) },
		"md":  m.Markdown, "html": m.HTML, "json": m.JSON,
	} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			var got bytes.Buffer
			if err := print(&got); err != nil {
				t.Fatal(err)
			}
			golden.Check(t, "matrix."+format, got.String())
		})
	}
}

func TestTheMatrixFitsItsTerminal(t *testing.T) {
	t.Parallel()
	golden.Widths(t, "matrix", func(w io.Writer) {
		if err := played(nil).Text(w); err != nil {
			t.Fatal(err)
		}
	})
}
