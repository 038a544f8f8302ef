package scenario

import (
	"slices"
	"testing"
	"time"

	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/internal/verdicts"
)

// sabotagedArg, as the first argument, makes this test binary a billing server without the guard
// that the second names.
const sabotagedArg = "sabotaged-worker"

func TestEveryFaultHasAScriptAndEveryScriptARow(t *testing.T) {
	t.Parallel()
	for _, f := range verdicts.Faults() {
		if scripts()[f] == nil {
			t.Errorf("%s has no script", f)
		}
		if verdicts.About(f) == "" {
			t.Errorf("%s is not explained", f)
		}
	}
	for f := range scripts() {
		if !slices.Contains(verdicts.Faults(), f) {
			t.Errorf("%s is in no row of the table", f)
		}
	}
}

// A cell of each kind; demo matrix plays them all.
func TestCellsComeToWhatIsExpected(t *testing.T) {
	t.Parallel()
	stage := cellStage(t)
	for _, id := range []CellID{
		{"naive-lock", verdicts.Late}, {"locked", verdicts.Late},
		{"locked", verdicts.Pause}, {"fenced", verdicts.Pause}, {"exactly-once", verdicts.Pause},
		{"claimed", verdicts.CrashBeforeCharge}, {"exactly-once", verdicts.CrashAfterCharge},
		{"idempotent", verdicts.KeyExpired}, {"exactly-once", verdicts.DelayedADay},
		{"exactly-once", verdicts.Stripe500After}, {"locked", verdicts.RedisDown},
		{"redlock", verdicts.RedisRestart}, {"locked", verdicts.PartitionBeforeCharge},
	} {
		t.Run(id.Mode+" under "+string(id.Fault), func(t *testing.T) {
			t.Parallel()
			cell := playCell(t, stage, id)
			if !cell.OK() {
				t.Errorf("%s, then %s; want %s, then %s", cell.After, cell.Recovered,
					cell.Expected.After, cell.Expected.Recovered)
			}
		})
	}
}

func TestACellThatDoesNotApplyIsNotPlayed(t *testing.T) {
	t.Parallel()
	cell, err := Stage{}.PlayCell(t.Context(), "exactly-once", verdicts.RedlockMajority)
	if err != nil || cell.Expected.Applies || cell.Expected.Why == "" {
		t.Errorf("%+v, %v; want one that does not apply, and why", cell.Expected, err)
	}
}

// With a guard taken out of a mode, the cells that depend on it come to something else, and say so.
func TestWithoutItsGuardACellIsNotAsExpected(t *testing.T) {
	t.Parallel()
	for guard, id := range map[string]CellID{
		"the re-check": {"locked", verdicts.Late},
		"the lock":     {"locked", verdicts.None},
		"trust":        {"locked", verdicts.PartitionBeforeCharge},
		"the claim":    {"claimed", verdicts.Late},
		"the fence":    {"fenced", verdicts.Pause},
		"the key":      {"idempotent", verdicts.None},
		// Without it each server confirms a PaymentIntent of its own.
		"the registration": {"exactly-once", verdicts.CrashAfterCharge},
	} {
		t.Run(guard, func(t *testing.T) {
			t.Parallel()
			stage := cellStage(t)
			stage.Worker = []string{stage.Worker[0], sabotagedArg, guard}
			if cell := playCell(t, stage, id); cell.OK() {
				t.Errorf("%s under %s is as expected without %s: %s", id.Mode, id.Fault, guard,
					cell.After)
			}
		})
	}
}

func cellStage(t *testing.T) Stage {
	t.Helper()
	svc, err := services.Start(t.Context(), services.Options{
		DatabaseURL: servicetest.Database(t), SkipRedis: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := svc.Close(); err != nil {
			t.Error(err)
		}
	})
	return Stage{Services: svc, Worker: []string{self(t), workerArg}}
}

func playCell(t *testing.T, stage Stage, id CellID) Cell {
	t.Helper()
	cell, err := stage.PlayCell(t.Context(), id.Mode, id.Fault)
	if err != nil {
		t.Fatal(err)
	}
	if cell.Took <= 0 || cell.Took > time.Minute {
		t.Errorf("it took %v", cell.Took)
	}
	return cell
}
