package explore

// apply lets a move happen.
func (e *explorer) apply(w *world, m move) {
	if m.kind.isFault() {
		e.pay(w, m.kind)
	}
	switch {
	case m.kind.ofServer() && m.kind.isFault():
		e.hurt(w, &w.servers[m.who], m.kind)
	case m.kind.ofServer():
		e.step(w, &w.servers[m.who], m.kind)
	case m.kind == quietRun:
		w.startQuietRun()
	default:
		w.happen(m)
		w.disturbed = w.disturbed || w.quiet > 0
	}
}

// pay takes a fault from the pool that its rule takes it from.
func (e *explorer) pay(w *world, k kind) {
	for _, r := range e.rules {
		if r.kind == k && w.left[r.pool] > 0 {
			w.left[r.pool]--
			return
		}
	}
}

// step lets a server go on.
func (e *explorer) step(w *world, s *server, k kind) {
	switch k {
	case begin:
		s.at = e.begin(s.program, w.card)
		e.settle(w, s)
	case ask:
		c := e.at(s.at).next
		if s.cut && c.toLedger() {
			e.tell(w, s, answer{outcome: failed})
			return
		}
		e.tell(w, s, w.execute(s, c, noFailure))
	case send:
		c := e.at(s.at).next
		if c.gated && !s.trusts {
			e.tell(w, s, answer{outcome: tooLate})
			return
		}
		s.flight = sent
		if c.takesMoney() {
			s.money = sent
		}
	case carry:
		e.carry(w, s, noFailure)
	case reply:
		e.tell(w, s, s.reply)
	}
}

// carry out a server's request, at Stripe.
func (e *explorer) carry(w *world, s *server, f failure) {
	c := e.at(s.at).next
	s.reply, s.flight = w.execute(s, c, f), executed
	if c.takesMoney() {
		s.money = executed
	}
}

// tell gives a server the answer to its call.
func (e *explorer) tell(w *world, s *server, a answer) {
	s.at = e.told(s.at, a)
	s.flight, s.reply = grounded, answer{}
	e.settle(w, s)
}

// settle forgets a server that has come to its end. What it leaves behind, only time ends.
func (e *explorer) settle(w *world, s *server) {
	if e.at(s.at).end == nil {
		return
	}
	w.ghosts[s.slot] |= s.nodes
	*s = server{at: done, program: s.program}
}

// hurt does to a server what goes wrong with it.
func (e *explorer) hurt(w *world, s *server, k kind) {
	c := e.at(s.at).next
	switch k {
	case expire:
		s.nodes, s.trusts = 0, false
		if w.claimed && !w.final && s.claim == w.generation {
			w.claimed = false
		}
	case crash, dropAndCrash:
		if k == crash && s.waits(c) {
			w.orphan(c)
		}
		w.ghosts[s.slot] |= s.nodes
		*s = server{program: s.program}
	case giveUp:
		w.orphan(c)
		e.tell(w, s, noReply(c))
	case loseReply:
		if s.flight == grounded {
			w.execute(s, c, noFailure)
			if c.op == obtain { // a lease that nobody knows of
				w.ghosts[s.slot] |= s.nodes
				s.nodes, s.trusts = 0, false
			}
		}
		e.tell(w, s, noReply(c))
	case refuse:
		e.tell(w, s, answer{outcome: notSent})
	case failBefore:
		e.carry(w, s, failsBefore)
	case failAfter:
		e.carry(w, s, failsAfter)
	case cut:
		s.cut = true
	}
}

// noReply is what a server is told that gets no reply.
func noReply(c call) answer {
	if c.toStripe() {
		return answer{outcome: unknown}
	}
	return answer{outcome: failed}
}

// waits reports whether the server's call may be on its way to Stripe or to the ledger. What is on
// its way to Redis doesn't count: a lease that comes too late keeps others out until it expires,
// and a release that does releases nothing (the naive lock's would, and that fails without).
func (s *server) waits(c call) bool {
	return s.flight == sent || s.flight == grounded && c.toLedger() && !s.cut
}

func (w *world) orphan(c call) {
	w.orphans[w.orphaned] = c
	w.orphaned++
}

// happen lets a move happen that is no server's.
func (w *world) happen(m move) {
	switch m.kind {
	case arrive:
		c := w.orphans[m.who]
		copy(w.orphans[m.who:], w.orphans[m.who+1:])
		w.orphaned--
		w.orphans[w.orphaned] = call{}
		var nobody server
		w.execute(&nobody, c, noFailure)
	case endLease:
		w.ghosts[m.who] = 0
	case endClaim:
		w.claimed = false
	case endPause:
		w.paused = false
	case redisUp:
		w.down &^= 1 << m.who
	case replaceCard:
		w.card = newCard
	case acceptAgain:
		w.declines = false
	case forget:
		copy(w.keys[m.who:], w.keys[m.who+1:])
		w.saved--
		w.keys[w.saved] = saved{}
	case decline:
		w.declines = true
	case redisEmpty, redisDown:
		w.empty(m.who)
		if m.kind == redisDown {
			w.down |= 1 << m.who
		}
	}
}

// empty takes from a Redis node all that it had.
func (w *world) empty(node uint8) {
	for i := range w.ghosts {
		w.ghosts[i] &^= 1 << node
	}
	for i := range w.many {
		w.servers[i].nodes &^= 1 << node
	}
}

// startQuietRun ends all faults, lets pass what time ends, and puts a fresh server in the place of
// all others.
func (w *world) startQuietRun() {
	w.ghosts, w.down, w.left = [slots]uint8{}, 0, [maxPools]uint8{}
	w.claimed = w.claimed && w.final
	w.paused = false
	if w.declines {
		w.card = newCard
	}
	w.servers = [MaxServers]server{}
	w.many = 1
	w.quiet++
	w.disturbed = false
}
