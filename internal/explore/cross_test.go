package explore

import (
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/verdicts"
)

// The explorer, which looks everywhere, and the scenarios, whose verdicts were measured with real
// processes, agree on every cell: a fault that a mode survives has no schedule that breaks it, and
// one that it doesn't survive has one, with the same thing wrong.
func TestExplorerAndScenariosAgree(t *testing.T) {
	t.Parallel()
	for _, f := range verdicts.Faults() {
		for _, mode := range billing.Modes() {
			if want, known := verdicts.Expected(mode.Name, f, 3); !known || !want.Applies {
				continue
			}
			t.Run(mode.Name+" under "+string(f), func(t *testing.T) {
				t.Parallel()
				o := Options{
					Mode: mode, Servers: 3, Faults: Need(f), Only: []verdicts.Fault{f}, Workers: 1,
				}
				r, err := Explore(t.Context(), o, nil)
				if err != nil {
					t.Fatal(err)
				}
				if s, broken := o.Broken(r.Shortest); broken {
					t.Errorf("%s, which the scenario is not: %s", s.Wrong, s)
				}
				if len(verdicts.Allowed(mode.Name, f)) > 0 && len(r.Shortest) == 0 {
					t.Errorf("nothing is wrong in %d states, but it is in the scenario", r.States)
				}
			})
		}
	}
}
