package explore

import "math/bits"

// failure is what goes wrong at Stripe while it carries out a request.
type failure uint8

const (
	noFailure failure = iota
	failsBefore
	failsAfter
)

// execute carries out a call as a whole, and returns its answer. What the call changes about the
// server that made it is the caller's business, but for its lease and its claim.
func (w *world) execute(s *server, c call, f failure) answer {
	switch c.op {
	case obtain:
		return w.obtain(s, c.slot)
	case trusted:
		if s.trusts {
			return answer{}
		}
		return answer{outcome: lost}
	case release:
		return w.release(s, c.slot)
	case charged:
		return answer{yes: w.entries != 0}
	case record:
		w.record(c.intent)
		return answer{}
	case issue:
		w.issued++
		return answer{n: w.issued}
	case recordFenced:
		if c.n < w.issued && w.entries>>c.intent&1 == 0 {
			return answer{outcome: stale}
		}
		w.record(c.intent)
		return answer{}
	case take, takeFinal:
		return w.take(s, c)
	case register:
		if w.registered == 0 {
			w.registered = c.intent
		}
		return answer{intent: w.registered}
	case postpone:
		if w.generation == c.n {
			w.claimed, w.paused, w.postponed = false, true, c.card
		}
		return answer{}
	}
	return w.stripe(c, f)
}

// The nodes of the lock with five of them, all of them and one of those with one.
const (
	fiveNodes = 1<<5 - 1
	oneNode   = 1
	majority  = 3
)

func nodesOf(slot uint8) uint8 {
	if slot == quorumSlot {
		return fiveNodes
	}
	return oneNode
}

// obtain asks all nodes at once. Those that say yes to less than a majority are given back.
func (w *world) obtain(s *server, slot uint8) answer {
	up := nodesOf(slot) &^ w.down
	free := up &^ w.ghosts[slot]
	for i := range w.many {
		if t := &w.servers[i]; t.slot == slot {
			free &^= t.nodes
		}
	}
	need := 1
	if slot == quorumSlot {
		need = majority
	}
	switch {
	case bits.OnesCount8(free) >= need:
		s.slot, s.nodes, s.trusts = slot, free, true
		return answer{}
	case bits.OnesCount8(up) < need:
		return answer{outcome: failed}
	}
	return answer{outcome: held}
}

// release removes the server's lease from the nodes that are up; those that are down have lost it.
// The naive lock's removes whatever is there.
func (w *world) release(s *server, slot uint8) answer {
	s.nodes, s.trusts = 0, false
	if slot == otherSlot && w.down == 0 {
		w.del(slot)
	}
	if w.down&nodesOf(slot) != 0 {
		return answer{outcome: failed}
	}
	return answer{}
}

// del removes the key of a lease, whoever has it.
func (w *world) del(slot uint8) {
	w.ghosts[slot] = 0
	for i := range w.many {
		if t := &w.servers[i]; t.slot == slot {
			t.nodes = 0
		}
	}
}

func (w *world) record(intent uint8) {
	w.entries |= 1 << intent
	w.phantom = w.phantom || w.charges>>intent&1 == 0
}

func (w *world) take(s *server, c call) answer {
	switch {
	case w.entries != 0:
		return answer{outcome: paid}
	case w.claimed, w.paused && w.postponed == c.card:
		return answer{outcome: taken}
	}
	w.claimed, w.final = true, c.op == takeFinal
	w.generation++
	s.claim = w.generation
	return answer{n: w.generation, intent: w.registered}
}

// stripe is what happens at Stripe. A key that it has seen brings the saved reply, or a refusal if
// it was for something else.
func (w *world) stripe(c call, f failure) answer {
	if c.op == confirm && (c.intent == 0 || c.intent > w.made) {
		return answer{outcome: notSent} // no such PaymentIntent
	}
	for i := range w.saved {
		k := &w.keys[i]
		if k.key == c.key {
			if k.op != c.op || k.card != c.card || k.intent != c.intent {
				return answer{outcome: unknown}
			}
			return k.reply
		}
	}
	reply := w.carryOut(c, f)
	if c.key != 0 {
		w.keys[w.saved] = saved{c.key, c.op, c.card, c.intent, reply}
		w.saved++
	}
	return reply
}

// carryOut does what a request asks for, unless something goes wrong.
func (w *world) carryOut(c call, f failure) (reply answer) {
	switch {
	case f == failsBefore:
	case c.op == confirm && w.charges>>c.intent&1 == 1:
		reply.intent = c.intent // it has succeeded already
	case c.op == prepare:
		w.made++
		reply.intent = w.made
	case c.card == oldCard && w.declines:
		reply.outcome = declined
	case c.op == charge:
		w.made++
		reply.intent = w.made
		w.charges |= 1 << w.made
	default:
		reply.intent = c.intent
		w.charges |= 1 << c.intent
	}
	if f != noFailure {
		return answer{outcome: unknown}
	}
	return reply
}
