package explore

import (
	"fmt"
	"maps"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/faults"
)

// The state search is checked against a plain search, which plays every schedule from beginning to
// end: it remembers nothing, hashes nothing and takes no two servers for alike.
func TestThePlainSearchFindsTheSame(t *testing.T) {
	t.Parallel()
	cases := []Options{{Servers: 2}, {Servers: 1, Faults: 1}, {Servers: 1, Faults: 2}}
	two := []faults.Fault{
		faults.Pause, faults.CrashAfterCharge, faults.LostReply, faults.Stripe500After,
		faults.MixedModes,
	}
	for _, f := range two {
		cases = append(cases, Options{Servers: 2, Faults: Need(f), Only: []faults.Fault{f}})
	}
	for _, mode := range billing.Modes() {
		for _, o := range cases {
			o.Mode = mode
			if o.Validate() != nil {
				continue // the fault doesn't apply to the mode
			}
			t.Run(fmt.Sprint(mode.Name, o.Servers, o.Faults, o.Only), func(t *testing.T) {
				t.Parallel()
				var p plain
				rules, w := o.start()
				p.explorer = o.explorer(historiesOf(o.Mode, o.beside()))
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

// plainLimit is how many schedules a case may play.
const plainLimit = 1_000_000

type plain struct {
	explorer
	schedules int
	shortest  map[string]int // by what is wrong: the fewest moves to it
}

// from plays all schedules that begin with a world.
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

// The search takes worlds with the same encoding for one state. Compared field by field, there are
// as many.
func TestNothingIsLeftOutOfAState(t *testing.T) {
	t.Parallel()
	for _, mode := range billing.Modes() {
		t.Run(mode.Name, func(t *testing.T) {
			t.Parallel()
			o := Options{Mode: mode, Servers: 3, Faults: 1}
			e := o.explorer(historiesOf(o.Mode, o.beside()))
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
