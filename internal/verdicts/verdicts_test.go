package verdicts_test

import (
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/verdicts"
)

func TestEveryModeHasAVerdictWhenNothingGoesWrong(t *testing.T) {
	t.Parallel()
	for _, mode := range billing.Modes() {
		for _, servers := range []int{1, 3} {
			got, ok := verdicts.Expected(mode.Name, verdicts.None, servers)
			if !ok || got.Why == "" {
				t.Errorf("%s: no verdict, or no reason: %q", mode.Name, got.Why)
			}
			if servers == 1 && verdicts.Judge(got.After) != "right" {
				t.Errorf("%s alone: got %v, want one charge and its entry", mode.Name, got.After)
			}
		}
	}
}

func TestOnlyWhoAsksNobodyChargesThreeTimesAtMidnight(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]verdicts.Counts{
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
		if got, _ := verdicts.Expected(mode, verdicts.None, 3); got.After != want {
			t.Errorf("%s: got %v, want %v", mode, got.After, want)
		}
	}
}

func TestWhatTheTableLacksIsNotMadeUp(t *testing.T) {
	t.Parallel()
	for _, cell := range []struct {
		mode  string
		fault verdicts.Fault
	}{
		{"hopeful", verdicts.None},
		{"", verdicts.None},
		{"locked", "meteorite"},
		{"locked", ""},
	} {
		if got, ok := verdicts.Expected(cell.mode, cell.fault, 3); ok {
			t.Errorf("%q under %q: got %v; want none", cell.mode, cell.fault, got)
		}
	}
}

func TestJudgeSaysAllThatIsWrong(t *testing.T) {
	t.Parallel()
	for counts, want := range map[verdicts.Counts]string{
		{Charges: 1, Entries: 1}: "right",
		{Charges: 3, Entries: 3}: "overcharged",
		{Charges: 0, Entries: 0}: "unbilled",
		{Charges: 1, Entries: 0}: "unrecorded",
		{Charges: 2, Entries: 1}: "overcharged, unrecorded",
		{Charges: 0, Entries: 1}: "unbilled, recorded but not at Stripe",
		{Charges: 1, Entries: 2}: "recorded but not at Stripe",
	} {
		if got := verdicts.Judge(counts); got != want {
			t.Errorf("%v: got %q, want %q", counts, got, want)
		}
	}
}

func TestCountsAreWrittenAsPeopleDo(t *testing.T) {
	t.Parallel()
	for counts, want := range map[verdicts.Counts]string{
		{Charges: 0, Entries: 0}: "0 charges, 0 entries",
		{Charges: 1, Entries: 1}: "1 charge, 1 entry",
		{Charges: 3, Entries: 2}: "3 charges, 2 entries",
	} {
		if got := counts.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAVerdictInShort(t *testing.T) {
	t.Parallel()
	type counts = verdicts.Counts
	for want, v := range map[string]verdicts.Verdict{
		"R 1/1":       {After: counts{1, 1}, Recovered: counts{1, 1}},
		"U 0/0→R 1/1": {After: counts{0, 0}, Recovered: counts{1, 1}},
		"OX 2/1→3/2":  {After: counts{2, 1}, Recovered: counts{3, 2}},
		"? 1/2":       {After: counts{1, 2}, Recovered: counts{1, 2}},
	} {
		if got := v.Short(); got != want {
			t.Errorf("%+v in short is %q, want %q", v, got, want)
		}
	}
}

func TestEachCellHasAReasonOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, f := range verdicts.Faults() {
		for _, mode := range billing.Modes() {
			v, ok := verdicts.Expected(mode.Name, f, 3)
			if !ok || v.Why == "" || v.Why == verdicts.About(f) {
				t.Errorf("%s under %s: %q is no reason", mode.Name, f, v.Why)
			}
			again, _ := verdicts.Expected(mode.Name, f, 3)
			for range 20 { // reasons are kept by the modes that share them: one must not be in two
				if again.Why != v.Why {
					t.Errorf("%s under %s has two reasons: %q, %q", mode.Name, f, v.Why, again.Why)
				}
				again, _ = verdicts.Expected(mode.Name, f, 3)
			}
		}
	}
}
