package explore

import (
	"fmt"
	"maps"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/verdicts"
)

// The state search is checked against a plain search: every schedule from its beginning to its end,
// with nothing remembered, nothing hashed and no two servers taken for alike.
func TestThePlainSearchFindsTheSame(t *testing.T) {
	t.Parallel()
	cases := []Options{{Servers: 2}, {Servers: 1, Faults: 1}, {Servers: 1, Faults: 2}}
	two := []verdicts.Fault{
		verdicts.Pause, verdicts.CrashAfterCharge, verdicts.LostReply, verdicts.Stripe500After,
		verdicts.MixedModes,
	}
	for _, f := range two {
		cases = append(cases, Options{Servers: 2, Faults: Need(f), Only: []verdicts.Fault{f}})
	}
	for _, mode := range billing.Modes() {
		for _, o := range cases {
			o.Mode = mode
			if o.Validate() != nil {
				continue // the fault can't meet the mode
			}
			t.Run(fmt.Sprint(mode.Name, o.Servers, o.Faults, o.Only), func(t *testing.T) {
				t.Parallel()
				var p plain
				rules, w := o.start()
				p.explorer = o.explorer(newHistories(o.programs()...).view())
				p.rules, p.shortest = rules, map[string]int{}
				p.from(w, 0)
				if p.schedules > plainLimit {
					t.Fatalf("more than %d schedules are too many to go through", plainLimit)
				}
				r := mustExplore(t, o)
				shortest := map[string]int{}
				for _, s := range r.Shortest {
					shortest[s.Wrong] = s.Len()
				}
				if !maps.Equal(shortest, p.shortest) || r.Schedules != float64(p.schedules) {
					t.Errorf("got %v in %.0f schedules; one by one, %v in %d", shortest,
						r.Schedules, p.shortest, p.schedules)
				}
			})
		}
	}
}

// plainLimit is how many schedules are gone through in a case.
const plainLimit = 1_000_000

type plain struct {
	explorer
	schedules int
	shortest  map[string]int // by what is wrong: the moves it takes
}

// from goes through all schedules that begin with a world.
func (p *plain) from(w world, depth int) {
	if p.schedules > plainLimit {
		return
	}
	if word := w.wrong(); word != "" {
		if least, known := p.shortest[word]; !known || depth < least {
			p.shortest[word] = depth
		}
		p.schedules++
		return
	}
	ends := true
	p.moves(&w, func(m move) {
		ends = false
		next := w
		p.apply(&next, m)
		p.from(next, depth+1)
	})
	if ends {
		p.schedules++
	}
}

// A state is what append makes of a world. Told apart by all that worlds have, there are as many.
func TestNothingIsLeftOutOfAState(t *testing.T) {
	t.Parallel()
	for _, mode := range billing.Modes() {
		t.Run(mode.Name, func(t *testing.T) {
			t.Parallel()
			o := Options{Mode: mode, Servers: 3, Faults: 1}
			e := o.explorer(newHistories(o.programs()...).view())
			_, w := o.start()
			w.sort()
			known, next := map[world]bool{w: true}, []world{w}
			for len(next) > 0 {
				w, next = next[0], next[1:]
				if w.wrong() != "" {
					continue
				}
				e.moves(&w, func(m move) {
					after := w
					e.apply(&after, m)
					after.sort()
					if !known[after] {
						known[after] = true
						next = append(next, after)
					}
				})
			}
			if r := mustExplore(t, o); r.States != len(known) {
				t.Errorf("got %d states, want %d", r.States, len(known))
			}
		})
	}
}
