package main

import (
	"errors"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/report"
	"example.com/triplecharge/internal/verdict"
)

func TestAMatrixIsWhatItsWorstCellIs(t *testing.T) {
	t.Parallel()
	once := verdict.Counts{Charges: 1, Entries: 1}
	right := report.Cell{
		Expected: faults.Expectation{After: once, Recovered: once, Applies: true, Known: true},
		After:    once, Recovered: once,
	}
	other, unplayed := right, right
	other.After = verdict.Counts{Charges: 2, Entries: 1}
	unplayed.Err = errors.New("server-b did not listen in time")
	if err := worst(report.Matrix{right, unplayed, other}); !errors.Is(err, errBroken) {
		t.Errorf("%v, want that a mode broke its promise", err)
	}
	err := worst(report.Matrix{right, unplayed})
	if errors.Is(err, errBroken) || !errors.Is(err, unplayed.Err) {
		t.Errorf("%v, want that some cells could not be played, and why", err)
	}
	if err := worst(report.Matrix{right, right}); err != nil {
		t.Errorf("%v although all is as expected", err)
	}
}

func TestOnlyWithWebhooksCanEventsBeLate(t *testing.T) {
	t.Parallel()
	late := faultFlag{faults.Row{Fault: faults.EventLate}}
	modes := len(billing.Modes())
	for want, m := range map[int]matrix{
		modes * len(faults.Rows()): {}, modes * len(faults.All()): {Webhooks: true},
		modes: {Fault: []faultFlag{late}},
	} {
		if got := m.cells(); len(got) != want {
			t.Errorf("%+v plays %d cells, want %d", m, len(got), want)
		}
	}
}
