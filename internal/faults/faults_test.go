package faults_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/verdict"
)

// A zero value means that somebody forgot the field.
func TestEveryRowIsComplete(t *testing.T) {
	t.Parallel()
	for _, row := range faults.All() {
		if row.Fault == "" || row.Text == "" || row.Lease == 0 || row.Servers == 0 {
			t.Errorf("%q lacks a field: %+v", row.Fault, row)
		}
		if _, err := billing.ModeNamed(row.Beside); row.Beside != "" && err != nil {
			t.Errorf("%s: %v", row.Fault, err)
		}
		has := map[string]bool{}
		for modes, cell := range row.Cells {
			for mode := range strings.FieldsSeq(modes) {
				if _, err := billing.ModeNamed(mode); err != nil || cell.Why == "" || has[mode] {
					t.Errorf("%s under %s: no such mode, two cells or no reason: %v", mode,
						row.Fault, err)
				}
				has[mode] = true
			}
			for _, counts := range []string{cell.After, cell.Recovered} {
				var charges, entries int
				n, _ := fmt.Sscanf(counts, "%d/%d", &charges, &entries)
				if n != 2 && counts != "" && counts != faults.NotApplicable || cell.After == "" {
					t.Errorf("%s under %s: %q is no count", modes, row.Fault, counts)
				}
			}
		}
	}
}

// A mode has a cell under every fault, or under none.
func TestEveryCellIsExpectedForAReason(t *testing.T) {
	t.Parallel()
	for _, row := range faults.Rows() {
		for _, mode := range billing.Modes() {
			e := row.Expect(mode, 3)
			if e.Applies && !e.Known && !anyCell(mode) {
				continue
			}
			if e.Applies && !e.Known || e.Why == "" || e.Why == row.Text {
				t.Errorf("%s under %s: %+v", mode.Name, row.Fault, e)
			}
		}
	}
}

// Told has only what events change: a cell that they leave as it is would hide a change of Cells.
func TestWebhooksChangeWhatTheySay(t *testing.T) {
	t.Parallel()
	changed := 0
	for _, row := range faults.All() {
		heard := row
		heard.Webhooks = true
		for modes := range row.Told {
			for name := range strings.FieldsSeq(modes) {
				mode, err := billing.ModeNamed(name)
				before, after := row.Expect(mode, 3), heard.Expect(mode, 3)
				if err != nil || after.Why == "" || before.Met(after.After, after.Recovered) {
					t.Errorf("%s under %s, %v: %+v, then %+v", name, row.Fault, err, before, after)
				}
				if after.After.Entries != after.After.Charges {
					t.Errorf("%s under %s: a charge without its entry", name, row.Fault)
				}
				changed++
			}
		}
	}
	if changed == 0 {
		t.Error("events change nothing")
	}
}

func anyCell(m billing.Mode) bool {
	return slices.ContainsFunc(faults.Rows(), func(row faults.Row) bool {
		_, ok := row.Cells[m.Name]
		return ok
	})
}

func TestEveryModeChargesOnceAlone(t *testing.T) {
	t.Parallel()
	for _, mode := range billing.Modes() {
		e, err := faults.Expected(mode.Name, faults.None, 1)
		if err != nil || e.Known && !e.After.Right() {
			t.Errorf("%s alone: got %v, %v, want one charge and its entry", mode.Name, e.After, err)
		}
	}
}

func TestOnlyModesWithoutProtectionChargeThreeTimesAtMidnight(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]verdict.Counts{
		"uncoordinated": {Charges: 3, Entries: 3},
		"check-first":   {Charges: 3, Entries: 3},
		"naive-lock":    {Charges: 1, Entries: 1},
		"locked":        {Charges: 1, Entries: 1},
		"redlock":       {Charges: 1, Entries: 1},
		"fenced":        {Charges: 1, Entries: 1},
		"idempotent":    {Charges: 1, Entries: 1},
		"claimed":       {Charges: 1, Entries: 1},
		"exactly-once":  {Charges: 1, Entries: 1},
	} {
		if got, _ := faults.Expected(mode, faults.None, 3); got.After != want {
			t.Errorf("%s: got %v, want %v", mode, got.After, want)
		}
	}
}

func TestNoModeAndNoFaultIsMadeUp(t *testing.T) {
	t.Parallel()
	for _, cell := range []struct {
		mode  string
		fault faults.Fault
	}{
		{"hopeful", faults.None},
		{"", faults.None},
		{"locked", "meteorite"},
		{"locked", ""},
	} {
		if got, err := faults.Expected(cell.mode, cell.fault, 3); err == nil {
			t.Errorf("%q under %q: got %v; want an error", cell.mode, cell.fault, got)
		}
	}
}

// Whether a fault applies to a mode without cells depends on its kind of lock.
func TestNothingIsExpectedOfAModeWithoutCells(t *testing.T) {
	t.Parallel()
	for kind, never := range map[billing.Lock][]faults.Fault{
		billing.NoLock: {
			faults.RedlockMinority, faults.RedlockMajority, faults.RedlockClockJump,
			faults.PartitionBeforeCharge, faults.PartitionDuringCharge,
		},
		billing.NaiveLock: {
			faults.RedlockMinority, faults.RedlockMajority, faults.RedlockClockJump,
		},
		billing.SafeLock: {
			faults.RedlockMinority, faults.RedlockMajority, faults.RedlockClockJump,
		},
		billing.QuorumLock: {faults.RedisFailover},
	} {
		mode := billing.Mode{Name: "hopeful", Lock: kind}
		for _, row := range faults.Rows() {
			e := row.Expect(mode, 3)
			if e.Applies == slices.Contains(never, row.Fault) || e.Known ||
				!e.Applies && e.Why == "" {
				t.Errorf("a mode with the lock %q under %s: %+v", kind, row.Fault, e)
			}
			if !e.Met(verdict.Counts{Charges: 7}, verdict.Counts{}) {
				t.Errorf("%s: any counts should do", row.Fault)
			}
		}
		if may, ok := faults.Allowed(mode, faults.None); ok {
			t.Errorf("a mode without cells is allowed %v; want no promise", may)
		}
	}
}

func TestCountsInShort(t *testing.T) {
	t.Parallel()
	type counts = [2]verdict.Counts
	for want, c := range map[string]counts{
		"R 1/1":       {{Charges: 1, Entries: 1}, {Charges: 1, Entries: 1}},
		"U 0/0→R 1/1": {{}, {Charges: 1, Entries: 1}},
		"OX 2/1→3/2":  {{Charges: 2, Entries: 1}, {Charges: 3, Entries: 2}},
		"? 1/2":       {{Charges: 1, Entries: 2}, {Charges: 1, Entries: 2}},
	} {
		if got := faults.Short(c[0], c[1]); got != want {
			t.Errorf("%+v in short is %q, want %q", c, got, want)
		}
	}
}
