package scenario

import (
	"context"
	"errors"
	"testing"

	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/services"
)

func TestACellThatCanNotBePlayedEndsNoOther(t *testing.T) {
	t.Parallel()
	harness := cellHarness(t)
	harness.Worker = []string{"/bin/false"}
	broken := CellID{"locked", faults.Late}
	handed := map[CellID]Cell{}
	ids := []CellID{broken, {"exactly-once", faults.RedlockMajority}}
	err := harness.Matrix(t.Context(), ids, 1, func(c Cell) { handed[CellID{c.Mode, c.Fault}] = c })
	if err != nil || len(handed) != len(ids) {
		t.Fatalf("%d of %d cells were handed on, %v", len(handed), len(ids), err)
	}
	for id, c := range handed {
		if c.OK() != (id != broken) || (c.Err == nil) != (id != broken) {
			t.Errorf("%v: as expected: %t, error %v", id, c.OK(), c.Err)
		}
	}
}

func TestAMatrixThatNobodyWantsAnyMoreEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	ids := []CellID{
		{"exactly-once", faults.RedlockMajority}, {"exactly-once", faults.RedlockMinority},
	}
	handed := 0
	err := Harness{}.Matrix(ctx, ids, 1, func(Cell) {
		handed++
		cancel()
	})
	if !errors.Is(err, context.Canceled) || handed == 0 {
		t.Errorf("%d cells were handed on, then %v; want an end after the first", handed, err)
	}
}

func TestACellSaysWhatTheMachineLacks(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"redis-server": errors.Join(errors.New("locked"), services.ErrNeedsRedisServer),
		"":             errors.New("out of memory"),
	} {
		c := Cell{Err: err, Expected: faults.Expectation{Applies: true}}
		if got := c.Needs(); got != want || c.OK() {
			t.Errorf("%v: it needs %q, as expected: %t; want %q", err, got, c.OK(), want)
		}
	}
}
