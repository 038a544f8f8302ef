package explore

import (
	"slices"

	"example.com/triplecharge/internal/faults"
)

// rule allows a fault where its condition holds.
type rule struct {
	kind   kind // the kind of move that it allows
	budget int  // which of the world's budgets the moves are taken from
	when   condition
	most   uint8 // how often, under the fault of the matrix
}

// condition reports whether a fault may happen to a server in its state.
type condition func(*explorer, *world, *server) bool

const maxBudgets = 3

func always(*explorer, *world, *server) bool { return true }

// atMidnight: no server has begun.
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
	return s.money == sent && s.request == sent
}

func afterCharge(_ *explorer, w *world, s *server) bool {
	return s.money == executed && w.charges != w.entries
}

func fromCharge(_ *explorer, _ *world, s *server) bool { return s.money != noRequest }

func chargeLost(e *explorer, w *world, s *server) bool {
	return s.request == executed && afterCharge(e, w, s)
}

// notRenewed: a lease or claim that a healthy server holds expires, because nothing renews it.
func notRenewed(e *explorer, w *world, s *server) bool {
	return duringCharge(e, w, s) && (s.nodes == 0 || !e.programs[s.program].lock.careful)
}

// anything has a rule for every fault, at any point.
func anything() (rules []rule) {
	for k := expire; k <= lastKind; k++ {
		// dropAndCrash is the same as a crash and a request that never arrives. No mode survives a
		// ledger that forgets, and a key that is forgotten, too. redisEmpty does what clockJumps
		// does, and more.
		if k != dropAndCrash && k != ledgerForgets && k != clockJumps {
			rules = append(rules, rule{k, 0, always, 1})
		}
	}
	return rules
}

// scenarios has the rules of each fault of the matrix. Servers may begin at any time in all of
// them, but under late only after the others have ended.
func scenarios() map[faults.Fault][]rule {
	some := func(most uint8, k kind, when condition) []rule { return []rule{{k, 0, when, most}} }
	one := func(k kind, when condition) []rule { return some(1, k, when) }
	aDayLater := func(k kind, when condition) []rule {
		return append(one(k, when), rule{forget, 1, always, 1})
	}
	declinedAnd := func(k kind) []rule {
		return append(one(decline, always), rule{k, 1, always, 1})
	}
	changedAfterCrash := append(one(dropAndCrash, notCharged), rule{changeAmount, 1, always, 1})
	return map[faults.Fault][]rule{
		faults.None:                  {},
		faults.Late:                  {},
		faults.Pause:                 one(expire, duringCharge),
		faults.SlowStripe:            one(expire, notRenewed),
		faults.CrashBeforeCharge:     one(dropAndCrash, notCharged),
		faults.CrashAfterCharge:      one(crash, afterCharge),
		faults.LostReply:             one(loseReply, chargeLost),
		faults.Stripe500Before:       one(failBefore, always),
		faults.Stripe500After:        one(failAfter, always),
		faults.KeyExpired:            aDayLater(crash, afterCharge),
		faults.DelayedADay:           aDayLater(expire, duringCharge),
		faults.DeclinedThenFixed:     one(decline, always),
		faults.IntentCanceled:        declinedAnd(cancelIntent),
		faults.AmountChanged:         declinedAnd(changeAmount),
		faults.AmountChangedCrash:    changedAfterCrash,
		faults.CustomerMoved:         declinedAnd(moveCustomer),
		faults.RedisDown:             one(redisDown, atMidnight),
		faults.RedisRestart:          one(redisEmpty, fromCharge),
		faults.RedisFailover:         one(redisEmpty, fromCharge),
		faults.RedlockMinority:       some(2, redisDown, atMidnight),
		faults.RedlockMajority:       some(3, redisEmpty, fromCharge),
		faults.RedisClockJump:        one(clockJumps, fromCharge),
		faults.RedlockClockJump:      some(3, clockJumps, fromCharge),
		faults.PartitionBeforeCharge: one(expire, atRecheck),
		faults.PartitionDuringCharge: one(expire, duringCharge),
		faults.PostgresDown:          one(cut, fromCharge),
		faults.PostgresFailover:      {}, // a mode sees nothing of it
		faults.PostgresForgets:       one(ledgerForgets, always),
		faults.PostgresForgetsADay:   aDayLater(ledgerForgets, always),
		faults.MixedModes:            {},
		faults.EventLate:             one(crash, afterCharge),
	}
}

// Need returns how many faults a schedule needs for the fault of the matrix to happen.
func Need(f faults.Fault) (n int) {
	for _, r := range scenarios()[f] {
		n += int(r.most)
	}
	return n
}

// forgets reports whether the fault is a ledger that forgets, which happens only if it is named.
func forgets(f faults.Fault) bool {
	return slices.ContainsFunc(scenarios()[f], func(r rule) bool { return r.kind == ledgerForgets })
}
