package explore

import "math/bits"

// kind is what a move does.
type kind uint8

// What servers do by themselves, then what time does to what is left behind, then what goes wrong:
// with a server, then with the rest.
const (
	begin kind = iota // a server's run: late, if others have had theirs
	ask               // a call of Redis or the ledger is carried out and answered
	send              // a request to Stripe
	carry             // it out, at Stripe
	reply             // to the server

	arrive   // a request that nobody waits for is carried out
	endLease // of a server that is gone
	endClaim // likewise
	endPause // it is time for the next attempt
	redisUp  // a node is back
	replaceCard
	acceptAgain // the old card does
	quietRun    // all faults are over, and a fresh server has a run

	expire       // a lease or claim of a server that is at work, but stands still for too long
	crash        // of a server; what it has sent goes on
	dropAndCrash // likewise, and what it has sent never arrives
	loseReply    // what was asked for is done
	giveUp       // on a reply: what was asked for is done at any time later
	refuse       // Stripe can't be reached, or says no before it looks: nothing is sent
	failBefore   // Stripe saves a 500, and has done nothing
	failAfter    // Stripe saves a 500, and has done what was asked
	cut          // a server can't reach the ledger until its run is over

	forget     // Stripe, an idempotency key
	decline    // the customer's card
	redisEmpty // a node has lost all it had
	redisDown  // a node is dead
)

// ofServer reports whether a move is a server's.
func (k kind) ofServer() bool { return k <= reply || k >= expire && k <= cut }

// isFault reports whether a move is something that goes wrong.
func (k kind) isFault() bool { return k >= expire }

// move is one step of a schedule: what happens, and to which server, orphan, key or node.
type move struct {
	kind kind
	who  uint8
}

// explorer knows what can happen.
type explorer struct {
	view
	rules []rule
	nodes uint8 // Redis nodes that the mode's lease is on
	late  bool  // a server begins when all that have begun have ended
}

// moves calls try for all that can happen next.
func (e *explorer) moves(w *world, try func(move)) {
	for i := range w.many {
		e.serverMoves(w, i, try)
	}
	for i := range w.orphaned {
		try(move{arrive, i})
	}
	for slot, ghosts := range w.ghosts {
		if ghosts != 0 {
			try(move{endLease, uint8(slot)})
		}
	}
	if w.claimed && !w.final && !w.owned() {
		try(move{kind: endClaim})
	}
	if w.paused {
		try(move{kind: endPause})
	}
	for node := range uint8(bits.Len8(w.down)) {
		if w.down>>node&1 == 1 {
			try(move{redisUp, node})
		}
	}
	if w.declines && w.card == oldCard {
		try(move{kind: replaceCard})
		try(move{kind: acceptAgain})
	}
	if w.resting() && w.wantsQuietRun() {
		try(move{kind: quietRun})
	}
	if w.quiet == 0 {
		e.faults(w, try)
	}
}

// owned reports whether the claim's owner is at work.
func (w *world) owned() bool {
	for i := range w.many {
		if s := &w.servers[i]; s.active() && s.claim == w.generation {
			return true
		}
	}
	return false
}

// wantsQuietRun: the first, or one more because something came between.
func (w *world) wantsQuietRun() bool {
	return w.quiet == 0 || w.disturbed && w.servers[0].at == done && w.entries == 0
}

func (e *explorer) serverMoves(w *world, i uint8, try func(move)) {
	s := &w.servers[i]
	switch {
	case s.at == idle:
		if !e.late || w.resting() {
			try(move{begin, i})
		}
	case !s.active():
	case s.flight == sent:
		try(move{carry, i})
	case s.flight == executed:
		try(move{reply, i})
	case e.at(s.at).next.toStripe():
		try(move{send, i})
	default:
		try(move{ask, i})
	}
}

// faults calls try for all that can go wrong.
func (e *explorer) faults(w *world, try func(move)) {
	for _, r := range e.rules {
		if w.left[r.pool] == 0 {
			continue
		}
		switch r.kind {
		case forget:
			for i := range w.saved {
				try(move{forget, i})
			}
		case decline:
			if !w.declines && w.card == oldCard {
				try(move{kind: decline})
			}
		case redisEmpty, redisDown:
			e.redisFaults(w, r, try)
		default:
			for i := range w.many {
				if s := &w.servers[i]; s.active() && r.when(e, w, s) && e.canHappen(w, s, r.kind) {
					try(move{r.kind, i})
				}
			}
		}
	}
}

// redisFaults are those of nodes. They matter to a mode that has a lease.
func (e *explorer) redisFaults(w *world, r rule, try func(move)) {
	some := false // server that it may happen to
	for i := range w.many {
		some = some || r.when(e, w, &w.servers[i])
	}
	for node := range uint8(bits.Len8(e.nodes)) {
		if some && w.down>>node&1 == 0 {
			try(move{r.kind, node})
		}
	}
}

// canHappen reports whether a fault of that kind would change anything about the server.
func (e *explorer) canHappen(w *world, s *server, k kind) bool {
	next := e.at(s.at).next
	switch k {
	case expire:
		return s.trusts || w.claimed && !w.final && s.claim == w.generation
	case loseReply:
		return s.flight == executed ||
			s.flight == grounded && (next.toRedis() || next.toLedger() && !s.cut)
	case giveUp:
		return s.waits(next)
	case refuse:
		return s.flight == grounded && next.toStripe()
	case failBefore, failAfter:
		return s.flight == sent
	case cut:
		return !s.cut
	}
	return true
}
