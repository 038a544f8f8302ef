package explore

func (e *explorer) apply(w *world, m move) {
	if m.kind.isFault() {
		for _, r := range e.rules { // it is taken from its rule's budget
			if r.kind == m.kind && w.left[r.budget] > 0 {
				w.left[r.budget]--
				break
			}
		}
	}
	switch {
	case m.kind.ofServer() && m.kind.isFault():
		e.strike(w, &w.servers[m.who], m.kind)
	case m.kind.ofServer():
		e.step(w, &w.servers[m.who], m.kind)
	case m.kind == recoveryRun:
		w.startRecoveryRun()
	default:
		w.happen(m)
		w.disturbed = w.disturbed || w.recoveries > 0
	}
}

// step makes a server's own move.
func (e *explorer) step(w *world, s *server, k kind) {
	switch k {
	case begin:
		s.at, s.told = e.begin(s.program, w.card, w.terms), w.terms
		e.retire(w, s)
	case ask:
		c := e.at(s.at).next
		if s.cut && c.toLedger() {
			e.deliver(w, s, answer{outcome: failed})
			return
		}
		e.deliver(w, s, w.execute(s, c, noFailure))
	case send:
		c := e.at(s.at).next
		if c.gated && !s.valid {
			e.deliver(w, s, answer{outcome: tooLate})
			return
		}
		s.request = sent
		if c.takesMoney() {
			s.money = sent
		}
	case carry:
		e.carry(w, s, noFailure)
	case reply:
		e.deliver(w, s, s.reply)
	}
}

func (e *explorer) carry(w *world, s *server, f failure) {
	c := e.at(s.at).next
	s.reply, s.request = w.execute(s, c, f), executed
	if c.takesMoney() {
		s.money = executed
	}
}

// deliver gives a server the answer to its call.
func (e *explorer) deliver(w *world, s *server, a answer) {
	s.at = e.after(s.at, a)
	s.request, s.reply = noRequest, answer{}
	e.retire(w, s)
}

// retire forgets a server that has ended. What it still holds stays until it expires.
func (e *explorer) retire(w *world, s *server) {
	if e.at(s.at).end == nil {
		return
	}
	w.leftover[s.lease] |= s.nodes
	*s = server{at: done, program: s.program}
}

// strike applies a fault to a server.
func (e *explorer) strike(w *world, s *server, k kind) {
	c := e.at(s.at).next
	switch k {
	case expire:
		s.nodes, s.valid = 0, false
		if w.claimed && !w.final && s.claim == w.generation {
			w.claimed = false
		}
	case crash, dropAndCrash:
		if k == crash && s.waits(c) {
			w.orphan(c)
		}
		w.leftover[s.lease] |= s.nodes
		*s = server{program: s.program}
	case giveUp:
		w.orphan(c)
		e.deliver(w, s, noReply(c))
	case loseReply:
		if s.request == noRequest {
			w.execute(s, c, noFailure)
			if c.op.obtains() { // the server doesn't know of its lease
				w.leftover[s.lease] |= s.nodes
				s.nodes, s.valid = 0, false
			}
		}
		e.deliver(w, s, noReply(c))
	case refuse:
		e.deliver(w, s, answer{outcome: notSent})
	case failBefore:
		e.carry(w, s, failsBefore)
	case failAfter:
		e.carry(w, s, failsAfter)
	case cut:
		s.cut = true
	}
}

// noReply is the answer to a server that gets no reply.
func noReply(c call) answer {
	if c.toStripe() {
		return answer{outcome: unknown}
	}
	return answer{outcome: failed}
}

// waits reports whether the server's call may be in flight to Stripe or the ledger. Calls to Redis
// don't count: a late obtain keeps others out until the lease expires, and a late release releases
// nothing. (The naive lock's late DEL would, but that lock fails without it.)
func (s *server) waits(c call) bool {
	return s.request == sent || s.request == noRequest && c.toLedger() && !s.cut
}

func (w *world) orphan(c call) {
	w.orphans[w.orphaned] = c
	w.orphaned++
}

// happen makes a move that is no server's.
func (w *world) happen(m move) {
	switch m.kind {
	case arrive:
		c := w.orphans[m.who]
		copy(w.orphans[m.who:], w.orphans[m.who+1:])
		w.orphaned--
		w.orphans[w.orphaned] = call{}
		nobody := server{told: c.terms}
		w.execute(&nobody, c, noFailure)
	case endLease:
		w.leftover[m.who] = 0
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
	case hear:
		w.record(m.who)
	case forget:
		copy(w.keys[m.who:], w.keys[m.who+1:])
		w.saved--
		w.keys[w.saved] = saved{}
	case decline:
		w.declines = true
	case cancelIntent:
		w.canceled |= 1 << m.who
	case payByHand:
		w.charges |= 1 << w.registered
	case changeAmount:
		w.terms ^= anotherAmount
	case moveCustomer:
		w.terms ^= anotherCustomer
	case ledgerForgets:
		w.entries, w.highest, w.generation, w.registered, w.postponed = 0, 0, 0, 0, 0
		w.claimed, w.final, w.paused = false, false, false
	case redisEmpty, redisDown, clockJumps:
		if m.who == 0 && m.kind != clockJumps { // it counts, and its counter never expires
			w.counted = 0
		}
		for i := range w.leftover {
			w.leftover[i] &^= 1 << m.who
		}
		for i := range w.many {
			w.servers[i].nodes &^= 1 << m.who
		}
		if m.kind == redisDown {
			w.down |= 1 << m.who
		}
	}
}

// startRecoveryRun ends all faults, lets leases and claims expire, and replaces all servers with a
// fresh one.
func (w *world) startRecoveryRun() {
	w.leftover, w.down, w.left = [maxLeases]uint8{}, 0, [maxBudgets]uint8{}
	w.claimed = w.claimed && w.final
	w.paused = false
	if w.declines {
		w.card = newCard
	}
	w.servers = [MaxServers]server{}
	w.many = 1
	w.recoveries++
	w.disturbed = false
}
