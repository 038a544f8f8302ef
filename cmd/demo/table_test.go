package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/lipgloss"

	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/verdicts"
)

var update = flag.Bool("update", false, "write the golden files anew")

// played are the cells of a matrix as if each had come to what is expected.
func played(t *testing.T, m matrix) ([]scenario.CellID, playedCells) {
	t.Helper()
	m.Parallel = 1
	ids, err := m.cells()
	if err != nil {
		t.Fatal(err)
	}
	cells := playedCells{}
	for _, id := range ids {
		v, _ := verdicts.Expected(id.Mode, id.Fault, 3)
		cells[id] = scenario.Cell{
			Mode: id.Mode, Fault: id.Fault, Expected: v, After: v.After, Recovered: v.Recovered,
			Took: 1500 * time.Millisecond,
		}
	}
	return ids, cells
}

// troubled is a small matrix with all that can go wrong: a cell that came out otherwise, one that
// needs what is not there, one that could not be played; and one that is n/a.
func troubled(t *testing.T) ([]scenario.CellID, playedCells) {
	t.Helper()
	ids, cells := played(t, matrix{
		Mode: []string{"naive-lock", "locked", "redlock", "exactly-once"},
		Fault: []string{string(verdicts.None), string(verdicts.RedisDown),
			string(verdicts.RedisFailover)},
	})
	change := func(mode string, f verdicts.Fault, do func(*scenario.Cell)) {
		c := cells[scenario.CellID{Mode: mode, Fault: f}]
		do(&c)
		cells[scenario.CellID{Mode: mode, Fault: f}] = c
	}
	change("locked", verdicts.None, func(c *scenario.Cell) {
		c.After = verdicts.Counts{Charges: 2, Entries: 1}
		c.Recovered = c.After
	})
	change("exactly-once", verdicts.RedisDown, func(c *scenario.Cell) {
		c.After, c.Recovered = verdicts.Counts{}, verdicts.Counts{}
		c.Err = errors.New("exactly-once under redis-down: server-b did not listen in time")
	})
	for _, mode := range []string{"naive-lock", "locked", "exactly-once"} {
		change(mode, verdicts.RedisFailover, func(c *scenario.Cell) {
			c.After, c.Recovered = verdicts.Counts{}, verdicts.Counts{}
			c.Err = fmt.Errorf("%s under redis-failover: %w", mode, services.ErrNeedsRedisServer)
		})
	}
	return ids, cells
}

func TestTheMatrixIsPrinted(t *testing.T) {
	t.Parallel()
	formats := map[string]matrix{
		"txt": {}, "md": {Markdown: true}, "html": {HTML: true}, "json": {JSON: true},
	}
	for format, m := range formats {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			ids, cells := troubled(t)
			var got bytes.Buffer
			if err := m.print(&got, ids, cells); err != nil {
				t.Fatal(err)
			}
			golden(t, "matrix."+format, got.String())
		})
	}
}

// golden compares what was printed with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant, as %s has it (go test -update writes it)\n%s", got, path, want)
	}
}

func TestTheMatrixFitsTheTerminal(t *testing.T) {
	t.Parallel()
	ids, cells := played(t, matrix{})
	for _, width := range []int{0, 60, 80, 100, 200} {
		var got strings.Builder
		if err := cells.text(&got, ids, width); err != nil {
			t.Fatal(err)
		}
		table, _, _ := strings.Cut(got.String(), "\nR right")
		if w := lipgloss.Width(table); width > 0 && w > width {
			t.Errorf("at %d columns it has %d", width, w)
		}
		for _, id := range ids {
			if !strings.Contains(table, id.Mode) || !strings.Contains(table, string(id.Fault)) {
				t.Fatalf("at %d columns %v is not in\n%s", width, id, table)
			}
		}
	}
}

func TestAMatrixIsWhatItsWorstCellIs(t *testing.T) {
	t.Parallel()
	ids, cells := troubled(t)
	if err := cells.verdict(ids); !errors.Is(err, errBroken) {
		t.Errorf("%v, want that a mode broke its promise", err)
	}
	locked := scenario.CellID{Mode: "locked", Fault: verdicts.None}
	mended := cells[locked]
	mended.After, mended.Recovered = mended.Expected.After, mended.Expected.Recovered
	cells[locked] = mended
	err := cells.verdict(ids)
	if err == nil || errors.Is(err, errBroken) || !strings.Contains(err.Error(), "listen in time") {
		t.Errorf("%v, want that some cells could not be played, and why", err)
	}
	ids, cells = played(t, matrix{})
	if err := cells.verdict(ids); err != nil {
		t.Errorf("%v although all is as expected", err)
	}
}
