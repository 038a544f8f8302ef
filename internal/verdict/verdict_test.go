package verdict_test

import (
	"testing"

	"example.com/triplecharge/internal/verdict"
)

func TestJudgeSaysAllThatIsWrong(t *testing.T) {
	t.Parallel()
	for counts, want := range map[verdict.Counts]struct{ words, letters string }{
		{Charges: 1, Entries: 1}: {"right", "R"},
		{Charges: 3, Entries: 3}: {"overcharged", "O"},
		{Charges: 0, Entries: 0}: {"unbilled", "U"},
		{Charges: 1, Entries: 0}: {"unrecorded", "X"},
		{Charges: 2, Entries: 1}: {"overcharged, unrecorded", "OX"},
		{Charges: 0, Entries: 1}: {"unbilled, recorded but not at Stripe", "U?"},
		{Charges: 1, Entries: 2}: {"recorded but not at Stripe", "?"},
	} {
		got := verdict.Judge(counts)
		if got.String() != want.words || counts.Letters() != want.letters {
			t.Errorf("%v: got %q, %q, want %q", counts, got, counts.Letters(), want)
		}
		if right := want.letters == "R"; counts.Right() != right ||
			got.Has(verdict.Right) != right {
			t.Errorf("%v: right is %v and %v, want %v", counts, counts.Right(),
				got.Has(verdict.Right), right)
		}
	}
}

func TestCountsAreWrittenAsPeopleDo(t *testing.T) {
	t.Parallel()
	for counts, want := range map[verdict.Counts]string{
		{Charges: 0, Entries: 0}: "0 charges, 0 entries",
		{Charges: 1, Entries: 1}: "1 charge, 1 entry",
		{Charges: 3, Entries: 2}: "3 charges, 2 entries",
	} {
		if got := counts.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
