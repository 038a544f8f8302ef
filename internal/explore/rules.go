package explore

import (
	"fmt"
	"slices"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/verdicts"
)

// rule lets something go wrong, where its condition holds.
type rule struct {
	kind kind // of the moves that it allows
	pool int  // which of the world's pools they are taken from
	when condition
}

// condition says whether something may happen to a server where it is.
type condition func(*explorer, *world, *server) bool

const maxPools = 3

func always(*explorer, *world, *server) bool { return true }

// atMidnight: nobody has begun.
func atMidnight(_ *explorer, w *world, _ *server) bool {
	for i := range w.many {
		if w.servers[i].at != idle {
			return false
		}
	}
	return true
}

// atRecheck: the ledger is being asked whether the invoice is charged.
func atRecheck(e *explorer, _ *world, s *server) bool { return e.at(s.at).next.op == charged }

func notCharged(_ *explorer, _ *world, s *server) bool { return s.money != executed }

func duringCharge(_ *explorer, _ *world, s *server) bool {
	return s.money == sent && s.flight == sent
}

func afterCharge(_ *explorer, w *world, s *server) bool {
	return s.money == executed && w.charges != w.entries
}

func fromCharge(_ *explorer, _ *world, s *server) bool { return s.money != grounded }

func chargeLost(e *explorer, w *world, s *server) bool {
	return s.flight == executed && afterCharge(e, w, s)
}

// notRenewed: what a healthy server holds runs out all the same, since nobody renews it.
func notRenewed(e *explorer, w *world, s *server) bool {
	return duringCharge(e, w, s) && (s.nodes == 0 || s.slot == otherSlot)
}

// anything is all that can go wrong, anywhere.
func anything() (rules []rule) {
	for k := expire; k <= redisDown; k++ {
		if k != dropAndCrash { // a crash, and a request that is never carried out: it is among those
			rules = append(rules, rule{k, 0, always})
		}
	}
	return rules
}

// scenario is a fault of the matrix as something to explore: what may go wrong, where, and how
// often.
type scenario struct {
	rules []rule
	most  []uint8 // how often, pool by pool
}

// scenarios has a row for each fault. Servers come as late as they like in all of them, and in late
// nowhere before another has ended.
func scenarios() map[verdicts.Fault]scenario {
	one := func(k kind, when condition) scenario {
		return scenario{[]rule{{k, 0, when}}, []uint8{1}}
	}
	aDayLater := func(k kind, when condition) scenario {
		return scenario{[]rule{{k, 0, when}, {forget, 1, always}}, []uint8{1, 1}}
	}
	return map[verdicts.Fault]scenario{
		verdicts.None:                  {},
		verdicts.Late:                  {},
		verdicts.Pause:                 one(expire, duringCharge),
		verdicts.SlowStripe:            one(expire, notRenewed),
		verdicts.CrashBeforeCharge:     one(dropAndCrash, notCharged),
		verdicts.CrashAfterCharge:      one(crash, afterCharge),
		verdicts.LostReply:             one(loseReply, chargeLost),
		verdicts.Stripe500Before:       one(failBefore, always),
		verdicts.Stripe500After:        one(failAfter, always),
		verdicts.KeyExpired:            aDayLater(crash, afterCharge),
		verdicts.DelayedADay:           aDayLater(expire, duringCharge),
		verdicts.DeclinedThenFixed:     one(decline, always),
		verdicts.RedisDown:             one(redisDown, atMidnight),
		verdicts.RedisRestart:          one(redisEmpty, fromCharge),
		verdicts.RedisFailover:         one(redisEmpty, fromCharge),
		verdicts.RedlockMinority:       {[]rule{{redisDown, 0, atMidnight}}, []uint8{2}},
		verdicts.RedlockMajority:       {[]rule{{redisEmpty, 0, fromCharge}}, []uint8{3}},
		verdicts.PartitionBeforeCharge: one(expire, atRecheck),
		verdicts.PartitionDuringCharge: one(expire, duringCharge),
		verdicts.PostgresDown:          one(cut, fromCharge),
		verdicts.MixedModes:            {},
	}
}

// Options say what to explore.
type Options struct {
	Mode    billing.Mode
	Servers int // 1 to MaxServers
	// Faults is how many things may go wrong in one schedule, 0 to MaxFaults. Those of Only that are
	// several things, such as a crash and a forgotten key, count as several.
	Faults int
	// Only are the faults of the matrix that may happen; none: all that can go wrong, anywhere.
	Only []verdicts.Fault
	// Workers is how many search at a time; 0: one a processor.
	Workers int
}

// Need is how many things have to go wrong for the fault to happen.
func Need(f verdicts.Fault) (n int) {
	for _, most := range scenarios()[f].most {
		n += int(most)
	}
	return n
}

// Validate reports the first thing that keeps the options from being explored.
func (o Options) Validate() error {
	if o.Servers < 1 || o.Servers > MaxServers {
		return fmt.Errorf("%d servers: want 1 to %d", o.Servers, MaxServers)
	}
	if o.Faults < 0 || o.Faults > MaxFaults {
		return fmt.Errorf("%d faults: want 0 to %d", o.Faults, MaxFaults)
	}
	for _, f := range o.Only {
		if _, known := scenarios()[f]; !known {
			return fmt.Errorf("no fault is called %q: use some of %v", f, verdicts.Faults())
		}
		if v, _ := verdicts.Expected(o.Mode.Name, f, o.Servers); !v.Applies {
			return fmt.Errorf("%s can't meet %s: %s", f, o.Mode.Name, v.Why)
		}
	}
	return nil
}

// start returns the rules of the faults that may happen, and the world that they begin in. Several
// faults share their pools, so that any of them may happen in any place.
func (o Options) start() (rules []rule, w world) {
	w = world{many: uint8(o.Servers), card: oldCard}
	if o.Only == nil {
		w.left[0] = uint8(o.Faults)
		return anything(), w
	}
	for _, f := range o.Only {
		s := scenarios()[f]
		for _, r := range s.rules {
			if len(o.Only) > 1 {
				r.pool = 0
			}
			rules = append(rules, r)
		}
		copy(w.left[:], s.most)
	}
	if len(o.Only) > 1 {
		w.left = [maxPools]uint8{uint8(o.Faults)}
	}
	for i := range w.left {
		w.left[i] = min(w.left[i], uint8(o.Faults))
	}
	if slices.Contains(o.Only, verdicts.MixedModes) {
		w.servers[0].program = 1
	}
	return rules, w
}

// late reports whether one server comes after another, and never two at a time.
func (o Options) late() bool { return len(o.Only) == 1 && o.Only[0] == verdicts.Late }

// programs are what servers run: the mode, and what it is mixed with.
func (o Options) programs() []billing.Mode {
	mixed, _ := billing.ModeNamed(verdicts.MixedWith) // a constant of ours, and a test holds it
	return []billing.Mode{o.Mode, mixed}
}
