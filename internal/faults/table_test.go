package faults

import "testing"

func TestTheTableIsRead(t *testing.T) {
	t.Parallel()
	if _, err := parse(table); err != nil {
		t.Error(err)
	}
}

func TestATableThatSaysNothingKnownIsRefused(t *testing.T) {
	t.Parallel()
	const head = "none: lease long, servers 3\n  All fire.\n"
	if rows, err := parse(head + "  a b  1/1→2/2  why\n"); err != nil || len(rows) != 1 ||
		rows[0].Cells["a b"] != (Cell{"1/1", "2/2", "why"}) {
		t.Errorf("got %+v, %v", rows, err)
	}
	for _, bad := range []string{
		"none: lease long, servers three", "none: lease long, clock", head + "  a  1  why",
		head + "  a  1/1", head + "  a  1/1  why\n  a  2/2  why",
	} {
		if rows, err := parse(bad); err == nil {
			t.Errorf("%q: got %+v, want an error", bad, rows)
		}
	}
}
