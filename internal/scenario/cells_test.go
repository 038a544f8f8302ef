package scenario

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/fleet"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/internal/timeline"
)

// sabotagedArg, as the first argument, makes this test binary a billing server without the guard
// that the second argument names.
const sabotagedArg = "sabotaged-worker"

func TestEveryFaultHasAScriptAndEveryScriptARow(t *testing.T) {
	t.Parallel()
	for _, row := range faults.All() {
		if scripts()[row.Fault] == nil {
			t.Errorf("%s has no script", row.Fault)
		}
	}
	for f := range scripts() {
		if _, err := faults.Named(f); err != nil {
			t.Error(err)
		}
	}
}

// A cell of each kind; demo matrix plays them all.
func TestCellsComeToWhatIsExpected(t *testing.T) {
	t.Parallel()
	harness := cellHarness(t)
	told := harness
	told.Webhooks = true
	comeToWhatIsExpected(t, told, []CellID{
		{"claimed", faults.CrashAfterCharge}, {"fenced", faults.Pause},
		{"idempotent", faults.Stripe500After}, {"locked", faults.EventLate},
	})
	comeToWhatIsExpected(t, harness, []CellID{
		{"naive-lock", faults.Late}, {"locked", faults.Late},
		{"locked", faults.Pause}, {"fenced", faults.Pause}, {"exactly-once", faults.Pause},
		{"claimed", faults.CrashBeforeCharge}, {"exactly-once", faults.CrashAfterCharge},
		{"idempotent", faults.KeyExpired}, {"exactly-once", faults.DelayedADay},
		{"exactly-once", faults.Stripe500After}, {"locked", faults.RedisDown},
		{"redlock", faults.RedisRestart}, {"locked", faults.PartitionBeforeCharge},
		{"locked", faults.RedisClockJump}, {"redlock", faults.RedlockClockJump},
		{"locked", faults.LogStalls}, {"exactly-once", faults.LogGone},
		{"exactly-once", faults.IntentCanceled}, {"exactly-once", faults.AmountChanged},
		{"exactly-once", faults.AmountChangedCrash}, {"exactly-once", faults.CustomerMoved},
		{"idempotent", faults.AmountChanged},
		{"naive-lock", faults.PostgresFailover}, {"locked", faults.PostgresFailover},
		{"exactly-once", faults.PostgresFailover},
		{"claimed", faults.PostgresForgets}, {"exactly-once", faults.PostgresForgets},
		{"fenced", faults.PostgresForgetsADay}, {"exactly-once", faults.PostgresForgetsADay},
	})
}

func comeToWhatIsExpected(t *testing.T, harness Harness, ids []CellID) {
	t.Helper()
	for _, id := range ids {
		name := fmt.Sprintf("%s under %s, webhooks %t", id.Mode, id.Fault, harness.Webhooks)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			harness, told := harness, fleet.NewEventLog(nil)
			harness.Tell = told.Add
			cell := playCell(t, harness, id)
			if !cell.OK() {
				t.Errorf("%s, then %s; want %s, then %s", cell.After, cell.Recovered,
					cell.Expected.After, cell.Expected.Recovered)
			}
			if n := charged(told); n > cell.Recovered.Charges {
				t.Errorf("%d servers say that they charged; Stripe took %d charges", n,
					cell.Recovered.Charges)
			}
		})
	}
}

// charged counts the sentences that say a server took Alice's money.
func charged(l *fleet.EventLog) (n int) {
	events, _ := l.Since(0)
	var servers []string
	for _, e := range events {
		if e.Server != "" && !slices.Contains(servers, e.Server) {
			servers = append(servers, e.Server)
		}
	}
	p := timeline.Draw("alice/2026-12", servers, events)
	for _, e := range events {
		if strings.HasPrefix(p.Sentence(e, "Alice"), "Charged Alice") {
			n++
		}
	}
	return n
}

func TestACellThatDoesNotApplyIsNotPlayed(t *testing.T) {
	t.Parallel()
	cell, err := Harness{}.PlayCell(t.Context(), "exactly-once", faults.RedlockMajority)
	if err != nil || cell.Expected.Applies || cell.Expected.Why == "" {
		t.Errorf("%+v, %v; want one that does not apply, and why", cell.Expected, err)
	}
}

// With a guard taken out of a mode, a cell that depends on it has another result and fails.
func TestWithoutItsGuardACellIsNotAsExpected(t *testing.T) {
	t.Parallel()
	for guard, id := range map[string]CellID{
		"the re-check": {"locked", faults.Late},
		"the lock":     {"locked", faults.None},
		"validity":     {"locked", faults.PartitionBeforeCharge},
		"the claim":    {"claimed", faults.Late},
		"the fence":    {"fenced", faults.Pause},
		"the key":      {"idempotent", faults.None},
		logWriter:      {"locked", faults.LogStalls},
		sigpipe:        {"locked", faults.LogGone},
		// Without it each server confirms a PaymentIntent of its own.
		"the registration": {"exactly-once", faults.CrashAfterCharge},
	} {
		t.Run(guard, func(t *testing.T) {
			t.Parallel()
			harness := cellHarness(t)
			harness.Worker = []string{harness.Worker[0], sabotagedArg, guard}
			if cell := playCell(t, harness, id); cell.OK() {
				t.Errorf("%s under %s is as expected without %s: %s", id.Mode, id.Fault, guard,
					cell.After)
			}
		})
	}
}

func cellHarness(t *testing.T) Harness {
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
	return Harness{Services: svc, Worker: []string{self(t), workerArg}}
}

func playCell(t *testing.T, harness Harness, id CellID) Cell {
	t.Helper()
	cell, err := harness.PlayCell(t.Context(), id.Mode, id.Fault)
	if err != nil {
		t.Fatal(err)
	}
	if cell.Took <= 0 || cell.Took > cellLimit {
		t.Errorf("it took %v", cell.Took)
	}
	return cell
}
