package explore

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"

	"example.com/triplecharge/internal/verdict"
)

// The limits of a world.
const (
	MaxServers = 5
	MaxFaults  = 5
	maxKeys    = 40
	maxLeases  = 3 // two for a mode, and one for the mode that runs beside it
)

// request says how far a server's request to Stripe has come.
type request uint8

const (
	noRequest request = iota // there is none
	sent                     // in flight, for any time
	executed                 // Stripe has executed it, and the reply is in flight
)

// server is the state of one server.
type server struct {
	at      history
	reply   answer // to the executed request
	request request
	program uint8
	lease   uint8 // the number of its lease
	nodes   uint8 // the Redis nodes that hold its lease, a bit each
	claim   uint8 // the generation of the claim it took last
	told    terms // what the subscription asked when the server was last told
	valid   bool  // its lease has not expired
	cut     bool  // it can't reach the ledger until its run is over
	money   request
}

// active reports whether the server has begun and not ended.
func (s *server) active() bool { return s.at > done }

// saved is what Stripe keeps for an idempotency key.
type saved struct {
	key    uint32
	op     op
	card   card
	terms  terms
	intent uint8
	reply  answer
}

// asked is what each PaymentIntent asks: two bits for each number.
type asked uint64

func (a asked) of(n uint8) terms { return terms(a >> (termsBits * n) & (1<<termsBits - 1)) }

func (a *asked) set(n uint8, t terms) { *a |= asked(t) << (termsBits * n) }

// world is a state: everything that decides what can happen next. Copies are independent.
type world struct {
	servers  [MaxServers]server
	orphans  [MaxFaults]call // calls that nobody waits for
	keys     [maxKeys]saved
	leftover [maxLeases]uint8 // by lease: the nodes that hold it for a server that is gone
	left     [maxBudgets]uint8

	many     uint8 // the number of servers
	orphaned uint8
	saved    uint8 // keys

	down uint8 // dead Redis nodes, a bit each

	entries uint32 // the PaymentIntents that have a charge entry, a bit each
	highest uint8  // the highest fencing token that the ledger knows
	counted uint8  // the last one that Redis gave

	generation uint8 // of the claim
	registered uint8 // the PaymentIntent registered for the invoice
	postponed  card  // the card that was declined last
	claimed    bool
	final      bool // the claim never expires
	paused     bool // the next attempt must wait

	made     uint8  // PaymentIntents
	charges  uint32 // those that have succeeded, a bit each
	canceled uint32 // those that are canceled, a bit each
	asks     asked  // what each of them asks

	terms    terms // the subscription's
	card     card  // the customer's
	declines bool  // the old card is declined

	recoveries uint8 // recovery runs that have begun
	disturbed  bool  // something else happened during the recovery run
	phantom    bool  // a charge was recorded that Stripe didn't make
	unasked    bool  // a server made a charge that its invoice didn't ask
}

// notAsked is wrong, though the counts are right.
const notAsked = "not what the invoice asks"

func (w *world) counts() (charges, entries int) {
	return bits.OnesCount32(w.charges), bits.OnesCount32(w.entries)
}

// wrong returns what is wrong with the invoice; "" if nothing is, or not yet.
func (w *world) wrong() string {
	charges, entries := w.counts()
	switch {
	case w.phantom:
		return string(verdict.NotAtStripe)
	case charges > 1:
		return string(verdict.Overcharged)
	case w.unasked:
		return notAsked
	case w.recoveries == 0 || w.servers[0].at != done || w.needsRecoveryRun():
		return ""
	}
	counts := verdict.Counts{Charges: charges, Entries: entries}
	if counts.Right() {
		return ""
	}
	return verdict.Judge(counts).String()
}

// resting reports whether no server is running.
func (w *world) resting() bool {
	for i := range w.many {
		if w.servers[i].active() {
			return false
		}
	}
	return true
}

// sort orders servers, orphans and keys, so that worlds that differ only in their order are the
// same. It returns where each server was before.
func (w *world) sort() (from [MaxServers]uint8) {
	for i := range from {
		from[i] = uint8(i)
	}
	for i := 1; i < int(w.many); i++ {
		for j := i; j > 0 && w.servers[j].before(&w.servers[j-1]); j-- {
			w.servers[j], w.servers[j-1] = w.servers[j-1], w.servers[j]
			from[j], from[j-1] = from[j-1], from[j]
		}
	}
	slices.SortFunc(w.orphans[:w.orphaned], func(a, b call) int {
		return bytes.Compare(a.append(nil), b.append(nil))
	})
	slices.SortFunc(w.keys[:w.saved], func(a, b saved) int { return cmp.Compare(a.key, b.key) })
	return from
}

// before is an arbitrary order: servers that it doesn't distinguish are alike.
func (s *server) before(t *server) bool {
	switch {
	case s.at != t.at:
		return s.at < t.at
	case s.program != t.program:
		return s.program < t.program
	}
	return bytes.Compare(s.append(nil), t.append(nil)) < 0
}

// append encodes the world, so that different worlds have different encodings.
func (w *world) append(b []byte) []byte {
	b = append(b, w.many, w.orphaned, w.saved, w.down, w.highest, w.generation, w.registered,
		byte(w.postponed), w.made, w.counted, byte(w.card), byte(w.terms), w.recoveries,
		flags(w.claimed, w.final, w.paused, w.declines, w.disturbed, w.phantom, w.unasked))
	b = append(b, w.leftover[:]...)
	b = append(b, w.left[:]...)
	b = binary.LittleEndian.AppendUint32(b, w.entries)
	b = binary.LittleEndian.AppendUint32(b, w.charges)
	b = binary.LittleEndian.AppendUint32(b, w.canceled)
	b = binary.LittleEndian.AppendUint64(b, uint64(w.asks))
	for i := range w.many {
		b = w.servers[i].append(b)
	}
	for i := range w.orphaned {
		b = w.orphans[i].append(b)
	}
	for i := range w.saved {
		k := &w.keys[i]
		b = binary.LittleEndian.AppendUint32(b, k.key)
		b = append(b, byte(k.op), byte(k.card), byte(k.terms), k.intent)
		b = k.reply.append(b)
	}
	return b
}

func (s *server) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(s.at))
	b = s.reply.append(b)
	return append(b, byte(s.request), byte(s.money), s.program, s.lease, s.nodes, s.claim,
		byte(s.told), flags(s.valid, s.cut))
}

func (c call) append(b []byte) []byte {
	b = append(b, byte(c.op), byte(c.card), byte(c.terms), c.intent, c.old, c.n, flags(c.gated))
	return binary.LittleEndian.AppendUint32(b, c.key)
}

func (a answer) append(b []byte) []byte {
	return append(b, byte(a.outcome), flags(a.yes), a.n, a.intent, byte(a.asks), byte(a.card),
		byte(a.terms))
}

func flags(bits ...bool) (b byte) {
	for i, bit := range bits {
		if bit {
			b |= 1 << i
		}
	}
	return b
}

// reader decodes what append has encoded.
type reader []byte

func (r *reader) byte() byte {
	b := (*r)[0]
	*r = (*r)[1:]
	return b
}

func (r *reader) uint(size int) (n uint64) {
	for i := range size {
		n |= uint64((*r)[i]) << (8 * i)
	}
	*r = (*r)[size:]
	return n
}

func (r *reader) flags(bits ...*bool) {
	b := r.byte()
	for i, bit := range bits {
		*bit = b>>i&1 == 1
	}
}

// world decodes a world and leaves the bytes after it.
func (r *reader) world(w *world) {
	*w = world{}
	w.many, w.orphaned, w.saved, w.down = r.byte(), r.byte(), r.byte(), r.byte()
	w.highest, w.generation, w.registered = r.byte(), r.byte(), r.byte()
	w.postponed, w.made, w.counted = card(r.byte()), r.byte(), r.byte()
	w.card, w.terms = card(r.byte()), terms(r.byte())
	w.recoveries = r.byte()
	r.flags(&w.claimed, &w.final, &w.paused, &w.declines, &w.disturbed, &w.phantom, &w.unasked)
	*r = (*r)[copy(w.leftover[:], *r):]
	*r = (*r)[copy(w.left[:], *r):]
	w.entries, w.charges, w.canceled = uint32(r.uint(4)), uint32(r.uint(4)), uint32(r.uint(4))
	w.asks = asked(r.uint(8))
	for i := range w.many {
		s := &w.servers[i]
		s.at, s.reply = history(r.uint(8)), r.answer()
		s.request, s.money = request(r.byte()), request(r.byte())
		s.program, s.lease, s.nodes, s.claim = r.byte(), r.byte(), r.byte(), r.byte()
		s.told = terms(r.byte())
		r.flags(&s.valid, &s.cut)
	}
	for i := range w.orphaned {
		c := &w.orphans[i]
		c.op, c.card, c.terms = op(r.byte()), card(r.byte()), terms(r.byte())
		c.intent, c.old, c.n = r.byte(), r.byte(), r.byte()
		r.flags(&c.gated)
		c.key = uint32(r.uint(4))
	}
	for i := range w.saved {
		k := &w.keys[i]
		k.key = uint32(r.uint(4))
		k.op, k.card, k.terms = op(r.byte()), card(r.byte()), terms(r.byte())
		k.intent, k.reply = r.byte(), r.answer()
	}
}

func (r *reader) answer() (a answer) {
	a.outcome = outcome(r.byte())
	r.flags(&a.yes)
	a.n, a.intent, a.asks = r.byte(), r.byte(), terms(r.byte())
	a.card, a.terms = card(r.byte()), terms(r.byte())
	return a
}
