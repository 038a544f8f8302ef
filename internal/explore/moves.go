package explore

import "math/bits"

// kind says what a move does.
type kind uint8

// First the servers' own moves, then what happens in time, then faults: those of a server, then the
// others.
const (
	begin kind = iota // a server begins its run, at any time
	ask               // a call to Redis or the ledger is executed and answered
	send              // a server sends a request to Stripe
	carry             // Stripe executes a request
	reply             // a server gets Stripe's reply

	arrive   // a request that nobody waits for is executed
	endLease // the lease of a server that is gone expires
	endClaim // its claim expires
	endPause // the pause between two attempts is over
	redisUp  // a node comes back
	replaceCard
	acceptAgain // the old card is accepted again
	hear        // Stripe's event of a charge comes, and is recorded
	recoveryRun // all faults are over; a fresh server begins a run

	expire       // a server is paused until its lease or claim has expired
	crash        // a server is killed; its request stays in flight
	dropAndCrash // a server is killed, and its request never arrives
	loseReply    // a call is executed, but its reply is lost
	giveUp       // a server stops waiting; its call is executed at any time later
	refuse       // Stripe can't be reached, or refuses unread: nothing is sent
	failBefore   // Stripe executes nothing and saves a 500
	failAfter    // Stripe executes the request and saves a 500
	cut          // a server can't reach the ledger until its run is over

	forget     // Stripe forgets an idempotency key
	decline    // the customer's card is declined from here on
	redisEmpty // a node loses all its keys
	redisDown  // a node dies

	cancelIntent // a person cancels a PaymentIntent at the Dashboard
	payByHand    // the customer pays the registered PaymentIntent
	changeAmount // a person changes what the subscription costs, and back
	moveCustomer // a person moves it to another customer, and back

	ledgerForgets // a replica without the last commits takes over, while no server runs
	clockJumps    // a node's clock jumps, and the leases on it expire early
	lastKind      = clockJumps
)

// ofServer reports whether a move concerns a server.
func (k kind) ofServer() bool { return k <= reply || k >= expire && k <= cut }

func (k kind) isFault() bool { return k >= expire }

// move is one step of a schedule: what happens, and to which server, orphan, lease, key or node.
type move struct {
	kind kind
	who  uint8
}

// explorer knows which moves are possible.
type explorer struct {
	*histories
	rules []rule
	nodes uint8 // the Redis nodes of the mode's lock, a bit each
	late  bool  // a server begins only after the others have ended
	told  bool  // Stripe's events come, at any time before the recovery run
}

func (e *explorer) moves(w *world, try func(move)) {
	for i := range w.many {
		e.serverMoves(w, i, try)
	}
	for i := range w.orphaned {
		try(move{arrive, i})
	}
	for slot, leftover := range w.leftover {
		if leftover != 0 {
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
	for i := uint8(1); e.told && i <= w.made; i++ {
		if (w.charges&^w.entries)>>i&1 == 1 {
			try(move{hear, i})
		}
	}
	if w.resting() && w.needsRecoveryRun() && (!e.told || w.charges == w.entries) {
		try(move{kind: recoveryRun})
	}
	if w.recoveries == 0 {
		e.faults(w, try)
	}
}

// owned reports whether the claim's owner is still running.
func (w *world) owned() bool {
	for i := range w.many {
		if s := &w.servers[i]; s.active() && s.claim == w.generation {
			return true
		}
	}
	return false
}

// needsRecoveryRun reports whether no recovery run was made, or something interfered with the last.
func (w *world) needsRecoveryRun() bool {
	return w.recoveries == 0 || w.disturbed && w.servers[0].at == done && w.entries == 0
}

func (e *explorer) serverMoves(w *world, i uint8, try func(move)) {
	s := &w.servers[i]
	switch {
	case s.at == idle:
		if !e.late || w.resting() {
			try(move{begin, i})
		}
	case !s.active():
	case s.request == sent:
		try(move{carry, i})
	case s.request == executed:
		try(move{reply, i})
	case e.at(s.at).next.toStripe():
		try(move{send, i})
	default:
		try(move{ask, i})
	}
}

// faults calls try with every fault that can happen next.
func (e *explorer) faults(w *world, try func(move)) {
	for _, r := range e.rules {
		if w.left[r.budget] == 0 {
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
		case ledgerForgets:
			if w.resting() && w.entries != 0 {
				try(move{kind: ledgerForgets})
			}
		case redisEmpty, redisDown, clockJumps:
			e.redisFaults(w, r, try)
		case changeAmount, moveCustomer:
			try(move{kind: r.kind})
		case cancelIntent, payByHand:
			for i := uint8(1); i <= w.made; i++ {
				final := (w.charges|w.canceled)>>i&1 == 1
				if !final && (r.kind == cancelIntent || i == w.registered) {
					try(move{r.kind, i})
				}
			}
		default:
			for i := range w.many {
				if s := &w.servers[i]; s.active() && r.when(e, w, s) && e.canHappen(w, s, r.kind) {
					try(move{r.kind, i})
				}
			}
		}
	}
}

// redisFaults calls try with the faults of nodes, for a mode that has a lease.
func (e *explorer) redisFaults(w *world, r rule, try func(move)) {
	some := false // some server meets the rule's condition
	for i := range w.many {
		some = some || r.when(e, w, &w.servers[i])
	}
	for node := range uint8(bits.Len8(e.nodes)) {
		if some && w.down>>node&1 == 0 {
			try(move{r.kind, node})
		}
	}
}

// canHappen reports whether a fault of the kind would change anything for the server.
func (e *explorer) canHappen(w *world, s *server, k kind) bool {
	next := e.at(s.at).next
	switch k {
	case expire:
		return s.valid || w.claimed && !w.final && s.claim == w.generation
	case loseReply:
		return s.request == executed ||
			s.request == noRequest &&
				(next.op.obtains() || next.op == release || next.toLedger() && !s.cut)
	case giveUp:
		return s.waits(next)
	case refuse:
		return s.request == noRequest && next.toStripe()
	case failBefore, failAfter:
		return s.request == sent
	case cut:
		return !s.cut
	}
	return true
}
