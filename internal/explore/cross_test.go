package explore

import (
	"strings"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/verdicts"
)

// The explorer, which looks everywhere, and the scenarios, whose verdicts were measured with real
// processes, agree on every cell: a fault that a mode survives has no schedule that breaks it, and
// what the scenario comes to is among what the explorer's schedules come to, charge by charge and
// entry by entry; and none of them comes to what no scenario does.
func TestExplorerAndScenariosAgree(t *testing.T) {
	t.Parallel()
	for _, f := range verdicts.Faults() {
		for _, mode := range billing.Modes() {
			want, known := verdicts.Expected(mode.Name, f, 3)
			if !known || !want.Applies {
				continue
			}
			t.Run(mode.Name+" under "+string(f), func(t *testing.T) {
				t.Parallel()
				o := Options{
					Mode: mode, Servers: 3, Faults: Need(f), Only: []verdicts.Fault{f}, Workers: 1,
				}
				r := mustExplore(t, o)
				if s, broken := o.Broken(r.Shortest); broken {
					t.Errorf("%s, which the scenario is not: %s", s.Wrong, s)
				}
				if len(verdicts.Allowed(mode.Name, f)) > 0 && len(r.Shortest) == 0 {
					t.Errorf("nothing is wrong in %d states, but it is in the scenario", r.States)
				}
				var all outcomes
				rules, _ := o.start()
				all.find(o, rules)
				if !all.after[want.After] || !all.recovered[want.Recovered] {
					t.Errorf("the scenario comes to %s, and in the end to %s; the explorer to %v, and %v",
						want.After, want.Recovered, all.after, all.recovered)
				}
				for counts := range all.recovered {
					s := Schedule{Wrong: verdicts.Judge(counts)}
					_, broken := o.Broken([]Schedule{s})
					if broken && s.Wrong != verdicts.Right {
						t.Errorf("%s: %s, which the scenario is not", counts, s.Wrong)
					}
				}
			})
		}
	}
}

// What a fencing token is for: whatever goes wrong, the ledger has one entry at most.
func TestFencedProtectsTheLedger(t *testing.T) {
	t.Parallel()
	var all outcomes
	all.find(Options{Mode: mustMode(t, "fenced"), Servers: 3, Faults: 2}, anything())
	for counts := range all.recovered {
		if counts.Entries > 1 {
			t.Errorf("in the end: %s", counts)
		}
	}
	if all.states < 1000 {
		t.Errorf("%d states are not the whole space", all.states)
	}
}

// What a mode survives though the matrix has no such fault, or has it in one place only: two of
// these, anywhere.
func TestWhatModesSurviveBesideTheMatrix(t *testing.T) {
	t.Parallel()
	beforeCharge := func(_ *explorer, _ *world, s *server) bool { return s.money == grounded }
	rules := func(when condition, kinds ...kind) (rules []rule) {
		for _, k := range kinds {
			rules = append(rules, rule{k, 0, when})
		}
		return rules
	}
	lease := append(rules(beforeCharge, loseReply, refuse), rule{cut, 0, atRecheck})
	for _, survived := range []struct {
		modes string
		rules []rule
	}{
		{"locked redlock", append(rules(beforeCharge, expire, crash, giveUp), lease...)},
		// A token that is issued late shuts out the holder of the lease: see docs/explorer.md.
		{"fenced", lease},
		{"idempotent", rules(always, crash, loseReply, giveUp, refuse, cut)},
		{"claimed", rules(always, refuse, decline, forget)},
	} {
		for mode := range strings.FieldsSeq(survived.modes) {
			t.Run(mode, func(t *testing.T) {
				t.Parallel()
				var all outcomes
				all.find(Options{Mode: mustMode(t, mode), Servers: 3, Faults: 2}, survived.rules)
				right := verdicts.Counts{Charges: 1, Entries: 1}
				if len(all.recovered) != 1 || !all.recovered[right] {
					t.Errorf("in the end: %v, in %d states", all.recovered, all.states)
				}
			})
		}
	}
}

// outcomes are what there can be once nobody is at work, before and behind the quiet run. Unlike a
// search's, they are looked for beyond what is wrong already.
type outcomes struct {
	states           int
	after, recovered map[verdicts.Counts]bool
}

func (all *outcomes) find(o Options, rules []rule) {
	all.after, all.recovered = map[verdicts.Counts]bool{}, map[verdicts.Counts]bool{}
	_, first := o.start()
	e := o.explorer(newHistories(o.programs()...).view())
	e.rules = rules
	known := map[string]bool{}
	next := []world{first}
	for len(next) > 0 {
		w := next[len(next)-1]
		next = next[:len(next)-1]
		w.sort()
		key := string(w.append(nil))
		if known[key] {
			continue
		}
		known[key] = true
		charges, entries := w.counts()
		counts := verdicts.Counts{Charges: charges, Entries: entries}
		switch {
		case w.resting() && w.quiet == 0:
			all.after[counts] = true
		case w.quiet > 0 && w.servers[0].at == done && !w.wantsQuietRun():
			all.recovered[counts] = true
		}
		e.moves(&w, func(m move) {
			after := w
			e.apply(&after, m)
			next = append(next, after)
		})
	}
	all.states = len(known)
}
