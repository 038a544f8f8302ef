package explore

import "math/bits"

// failure is what goes wrong at Stripe while it executes a request.
type failure uint8

const (
	noFailure failure = iota
	failsBefore
	failsAfter
)

// execute executes a call in one step and returns its answer. Of the server that made the call, it
// changes the lease and the claim only.
func (w *world) execute(s *server, c call, f failure) answer {
	switch c.op {
	case obtain, obtainFenced:
		return w.obtain(s, c)
	case checkValid:
		if s.valid {
			return answer{}
		}
		return answer{outcome: lost}
	case release:
		return w.release(s, c)
	case charged:
		if w.entries != 0 {
			return answer{yes: true}
		}
		s.told = w.terms
		return answer{card: w.card, terms: w.terms}
	case record:
		w.record(c.intent)
		return answer{}
	case highest:
		return answer{n: w.highest}
	case raise:
		if c.n <= w.highest {
			return answer{outcome: stale}
		}
		w.highest = c.n
		return answer{}
	case recordFenced:
		if c.n < w.highest && w.entries>>c.intent&1 == 0 {
			return answer{outcome: stale}
		}
		w.record(c.intent)
		return answer{}
	case take, takeFinal:
		return w.take(s, c)
	case register:
		owns := w.generation == c.n
		if w.registered == 0 || owns && w.registered == c.old {
			w.registered = c.intent
		}
		if !owns {
			return answer{outcome: taken}
		}
		return answer{intent: w.registered, asks: w.asks.of(w.registered)}
	case postpone:
		if w.generation == c.n {
			w.claimed, w.paused, w.postponed = false, true, c.card
		}
		return answer{}
	case giveBack:
		if w.generation == c.n {
			w.claimed = false
		}
		return answer{}
	}
	return w.stripe(s, c, f)
}

// obtain asks all nodes of the lock at once. Without a majority, it keeps none.
func (w *world) obtain(s *server, c call) answer {
	up := c.nodes &^ w.down
	free := up &^ w.leftover[c.lease]
	for i := range w.many {
		if t := &w.servers[i]; t.lease == c.lease {
			free &^= t.nodes
		}
	}
	majority := bits.OnesCount8(c.nodes)/2 + 1
	switch {
	case bits.OnesCount8(free) >= majority:
		s.lease, s.nodes, s.valid = c.lease, free, true
		if c.op == obtain {
			return answer{}
		}
		w.counted = max(w.counted, c.n) + 1
		return answer{n: w.counted}
	case bits.OnesCount8(up) < majority:
		return answer{outcome: failed}
	}
	return answer{outcome: held}
}

// release removes the server's lease. Nodes that are down have lost it already.
func (w *world) release(s *server, c call) answer {
	s.nodes, s.valid = 0, false
	if c.any {
		w.del(c)
	}
	if w.down&c.nodes != 0 {
		return answer{outcome: failed}
	}
	return answer{}
}

// del deletes the key of a lease on the nodes that are up, whoever holds it.
func (w *world) del(c call) {
	up := c.nodes &^ w.down
	w.leftover[c.lease] &^= up
	for i := range w.many {
		if t := &w.servers[i]; t.lease == c.lease {
			t.nodes &^= up
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
	case w.claimed, w.paused && w.postponed == w.card:
		return answer{outcome: taken}
	}
	w.claimed, w.final = true, c.op == takeFinal
	w.generation++
	s.claim, s.told = w.generation, w.terms
	return answer{
		n: w.generation, intent: w.registered, asks: w.asks.of(w.registered),
		card: w.card, terms: w.terms,
	}
}

// stripe executes a request at Stripe. For a key that it has seen, it repeats the saved reply, or
// refuses if the request was another.
func (w *world) stripe(s *server, c call, f failure) answer {
	if c.op >= confirm && (c.intent == 0 || c.intent > w.made) {
		return answer{outcome: notSent} // no such PaymentIntent
	}
	sent := saved{key: c.key, op: c.op, card: c.card, terms: c.terms, intent: c.intent}
	if c.op == confirm {
		sent.terms = 0 // it brings a card, and nothing else of the invoice
	}
	for i := range w.saved {
		k := &w.keys[i]
		if k.key == c.key {
			if sent.reply = k.reply; *k != sent {
				return answer{outcome: unknown}
			}
			return k.reply
		}
	}
	moved := (c.terms^w.asks.of(c.intent))&anotherCustomer != 0
	if c.op == confirm && moved && (w.charges|w.canceled)>>c.intent&1 == 0 {
		return answer{outcome: notSent} // another customer's card
	}
	sent.reply = w.carryOut(s, c, f)
	if c.key != 0 {
		w.keys[w.saved] = sent
		w.saved++
	}
	return sent.reply
}

// carryOut executes a request whose key is new, unless something goes wrong.
func (w *world) carryOut(s *server, c call, f failure) (reply answer) {
	switch {
	case c.op >= confirm && w.charges>>c.intent&1 == 1:
		return answer{intent: c.intent} // it has succeeded already
	case c.op >= confirm && w.canceled>>c.intent&1 == 1:
		return answer{outcome: canceled}
	case f == failsBefore:
	case c.op == prepare:
		w.made++
		w.asks.set(w.made, c.terms)
		reply.intent, reply.asks = w.made, c.terms
	case c.op == cancel:
		w.canceled |= 1 << c.intent
		reply.outcome = canceled
	case c.card == oldCard && w.declines:
		reply.outcome = declined
	case c.op == charge:
		w.made++
		reply.intent = w.made
		w.charges |= 1 << w.made
		w.unasked = w.unasked || c.terms != s.told
	default:
		reply.intent = c.intent
		w.charges |= 1 << c.intent
		w.unasked = w.unasked || w.asks.of(c.intent) != s.told
	}
	if f != noFailure {
		return answer{outcome: unknown}
	}
	return reply
}
