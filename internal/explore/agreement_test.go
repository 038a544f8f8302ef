package explore

import (
	"slices"
	"strings"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/verdict"
)

// The explorer and the scenarios, which are measured with real processes, agree on every cell: if a
// mode survives a fault, no schedule breaks it; the scenario's counts are among those in which the
// explorer's schedules end; and no schedule ends in a violation that the scenarios rule out.
func TestExplorerAndScenariosAgree(t *testing.T) {
	t.Parallel()
	for _, row := range faults.All() {
		for _, mode := range billing.Modes() {
			f, want := row.Fault, row.Expect(mode, 3)
			o := Options{
				Mode: mode, Servers: 3, Faults: Need(f), Only: []faults.Fault{f}, Workers: 1,
			}
			if !want.Known || o.Validate() != nil {
				continue
			}
			t.Run(mode.Name+" under "+string(f), func(t *testing.T) {
				t.Parallel()
				r := mustExplore(t, o)
				if s, broken := o.Broken(r.Shortest); broken {
					t.Errorf("%s, which the scenario is not: %s", s.Wrong, s)
				}
				may, _ := faults.Allowed(mode, f)
				if may.String() != string(verdict.Right) && len(r.Shortest) == 0 {
					t.Errorf("nothing is wrong in %d states, but it is in the scenario", r.States)
				}
				var all outcomes
				rules, _ := o.start()
				all.find(o, rules)
				if !all.after[want.After] || !all.recovered[want.Recovered] {
					t.Errorf("the scenario ends in %s, then %s; the explorer in %v, then %v",
						want.After, want.Recovered, all.after, all.recovered)
				}
				for counts := range all.recovered {
					s := Schedule{Wrong: verdict.Judge(counts).String()}
					_, broken := o.Broken([]Schedule{s})
					if broken && !counts.Right() {
						t.Errorf("%s: %s, which the scenario is not", counts, s.Wrong)
					}
				}
			})
		}
	}
}

// This is what a fencing token is for: whatever goes wrong, the ledger has at most one entry.
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

// The fencing token comes with the lease, in one step. So whoever holds the lease has the highest,
// and its entry is accepted. Where the token is asked for afterwards, a superseded server shuts out
// the holder. A Redis that loses its data loses the lock, too, and any number that the ledger has
// not learned yet: then two hold the lease, and either may be refused.
func TestTheHolderOfTheLeaseIsNotShutOut(t *testing.T) {
	t.Parallel()
	recording, shutOut := 0, 0
	all := outcomes{visit: func(e *explorer, w *world) {
		for i := range w.many {
			s := &w.servers[i]
			if !s.active() || s.nodes == 0 {
				continue
			}
			c := e.at(s.at).next
			if c.op == recordFenced && w.entries>>c.intent&1 == 0 {
				recording++
				if c.n < w.highest {
					shutOut++
				}
			}
		}
	}}
	rules := slices.DeleteFunc(anything(), func(r rule) bool {
		return r.kind == redisEmpty || r.kind == redisDown
	})
	all.find(Options{Mode: mustMode(t, "fenced"), Servers: 3, Faults: 2}, rules)
	t.Logf("%d states, a holder records in %d, and is shut out in %d", all.states, recording,
		shutOut)
	if shutOut > 0 || recording < 1000 {
		t.Errorf("a holder is shut out in %d of %d states", shutOut, recording)
	}
}

// Modes also survive faults that the matrix doesn't have, or has at one point only: here any two of
// these, at any point.
func TestWhatModesSurviveBesideTheMatrix(t *testing.T) {
	t.Parallel()
	beforeCharge := func(_ *explorer, _ *world, s *server) bool { return s.money == noRequest }
	rules := func(when condition, kinds ...kind) (rules []rule) {
		for _, k := range kinds {
			rules = append(rules, rule{k, 0, when, 1})
		}
		return rules
	}
	lease := append(rules(beforeCharge, loseReply, refuse), rule{cut, 0, atRecheck, 1})
	for _, survived := range []struct {
		modes string
		rules []rule
	}{
		{"locked redlock fenced", append(rules(beforeCharge, expire, crash, giveUp), lease...)},
		{"idempotent", rules(always, crash, loseReply, giveUp, refuse, cut)},
		{"claimed", rules(always, refuse, decline, forget)},
	} {
		for mode := range strings.FieldsSeq(survived.modes) {
			t.Run(mode, func(t *testing.T) {
				t.Parallel()
				var all outcomes
				all.find(Options{Mode: mustMode(t, mode), Servers: 3, Faults: 2}, survived.rules)
				right := verdict.Counts{Charges: 1, Entries: 1}
				if len(all.recovered) != 1 || !all.recovered[right] {
					t.Errorf("in the end: %v, in %d states", all.recovered, all.states)
				}
			})
		}
	}
}

// outcomes are all counts that are possible when no server runs, before and after the recovery run.
// Unlike a search, find goes on after a violation.
type outcomes struct {
	states           int
	after, recovered map[verdict.Counts]bool
	visit            func(*explorer, *world) // may be nil
}

func (all *outcomes) find(o Options, rules []rule) {
	all.after, all.recovered = map[verdict.Counts]bool{}, map[verdict.Counts]bool{}
	_, first := o.start()
	e := o.explorer(historiesOf(o.Mode, o.beside()))
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
		if all.visit != nil {
			all.visit(&e, &w)
		}
		charges, entries := w.counts()
		counts := verdict.Counts{Charges: charges, Entries: entries}
		switch {
		case w.resting() && w.recoveries == 0:
			all.after[counts] = true
		case w.recoveries > 0 && w.servers[0].at == done && !w.needsRecoveryRun():
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
