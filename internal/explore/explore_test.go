package explore

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/faults"
)

// The main claim: with three servers and up to three faults of any kind, at any point, there is no
// order of events in which exactly-once charges twice or not at all.
func TestExactlyOnceSurvivesAnyThreeFaults(t *testing.T) {
	t.Parallel()
	faults := 3
	if raceDetector {
		faults = 2 // the same code, in a space that is small enough to search
	}
	r := mustExplore(t, Options{Mode: mustMode(t, "exactly-once"), Servers: 3, Faults: faults})
	t.Logf("%d faults: %d states, %d moves, %.3g schedules, %d runs of the mode, in %v",
		faults, r.States, r.Moves, r.Schedules, r.Runs, r.Took)
	for _, s := range r.Shortest {
		t.Errorf("%s: %s", s.Wrong, s)
	}
	if r.States < 50_000 {
		t.Errorf("%d states are not the whole space", r.States)
	}
}

// Under any two faults, every mode keeps its promises.
func TestModesKeepTheirPromises(t *testing.T) {
	t.Parallel()
	for _, mode := range billing.Modes() {
		t.Run(mode.Name, func(t *testing.T) {
			t.Parallel()
			for _, faults := range []int{0, 1, 2} {
				if raceDetector && faults == 2 {
					continue // it would run the same code for a minute
				}
				o := Options{Mode: mode, Servers: 3, Faults: faults}
				if s, broken := o.Broken(mustExplore(t, o).Shortest); broken {
					t.Errorf("%d faults: %s: %s", faults, s.Wrong, s)
				}
			}
		})
	}
}

func TestClaimedMayLeaveAnInvoiceButNeverChargesTwice(t *testing.T) {
	t.Parallel()
	o := Options{Mode: mustMode(t, "claimed"), Servers: 3, Faults: 3}
	r := mustExplore(t, o)
	var words []string
	for _, s := range r.Shortest {
		words = append(words, s.Wrong)
	}
	if got := strings.Join(words, " "); got != "unbilled unrecorded" {
		t.Errorf("got %q", got)
	}
	expected, err := o.Estimate(t.Context())
	if n := float64(r.States); err != nil || n > expected || n < expected/3 {
		t.Errorf("%f states were expected (%v), %f were found", expected, err, n)
	}
}

func TestTheOutcomeIsTheSameHoweverManySearch(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"fenced", "exactly-once"} {
		o := Options{Mode: mustMode(t, name), Servers: 3, Faults: 2, Workers: 1}
		alone := mustExplore(t, o)
		o.Workers = 7
		together := mustExplore(t, o)
		if !reflect.DeepEqual(alone.texts(), together.texts()) {
			t.Errorf("%s: got %v, and %v", name, alone.texts(), together.texts())
		}
	}
}

// texts returns everything in a result but the time it took.
func (r Result) texts() []any {
	all := []any{r.States, r.Moves, r.Schedules, r.Violations, r.Depth, r.Runs}
	for _, s := range r.Shortest {
		all = append(all, s.Wrong, s.String())
	}
	return all
}

func TestASearchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	o := Options{Mode: mustMode(t, "exactly-once"), Servers: 3, Faults: 5}
	_, err := Explore(ctx, o, func(Progress) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestWhatCanNotBeExploredIsRefused(t *testing.T) {
	t.Parallel()
	exactlyOnce := mustMode(t, "exactly-once")
	for name, o := range map[string]Options{
		"no server":       {Mode: exactlyOnce},
		"many servers":    {Mode: exactlyOnce, Servers: MaxServers + 1},
		"many faults":     {Mode: exactlyOnce, Servers: 3, Faults: MaxFaults + 1},
		"negative faults": {Mode: exactlyOnce, Servers: 3, Faults: -1},
		"no such fault":   {Mode: exactlyOnce, Servers: 3, Only: []faults.Fault{"rain"}},
		"no fault of this": {
			Mode: exactlyOnce, Servers: 3, Only: []faults.Fault{"redlock-majority"},
		},
	} {
		if _, err := Explore(t.Context(), o, nil); err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
}

// Without its table of histories, the search would re-execute the mode for every state.
func BenchmarkReexecution(b *testing.B) {
	for _, name := range []string{"locked", "exactly-once"} {
		mode := mustMode(b, name)
		all := newHistories(mode)
		v := all
		h := v.begin(0, oldCard, 0)
		for v.at(h).end == nil {
			h = v.after(h, answer{intent: 1, n: 1})
		}
		answers := v.at(h).answers
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				v.programs[0].run(answers, nil)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
		})
	}
}

func mustExplore(t *testing.T, o Options) Result {
	t.Helper()
	r, err := Explore(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func mustMode(t testing.TB, name string) billing.Mode {
	t.Helper()
	mode, err := billing.ModeNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	return mode
}
