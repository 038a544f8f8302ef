package explore

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"

	"example.com/triplecharge/internal/verdicts"
)

// The most that a world has room for.
const (
	MaxServers = 5
	MaxFaults  = 5
	maxKeys    = 24
)

// flight says how far a server's request to Stripe has come.
type flight uint8

const (
	grounded flight = iota // it has none
	sent                   // it is on its way, for as long as it likes
	executed               // Stripe has carried it out, and the answer is on its way
)

// server is what one server is to the world.
type server struct {
	at      history
	reply   answer // to the request that is executed
	flight  flight
	program uint8
	slot    uint8 // of its lease
	nodes   uint8 // the Redis nodes that have its lease, a bit each
	claim   uint8 // the generation of the claim that it took last
	trusts  bool  // its lease
	cut     bool  // it can't reach the ledger until its run is over
	money   flight
}

// active reports whether the server has begun and not ended.
func (s *server) active() bool { return s.at > done }

// saved is what Stripe keeps under an idempotency key.
type saved struct {
	key    uint32
	op     op
	card   card
	intent uint8
	reply  answer
}

// world is a state: all that decides what can happen from here on. It is a value.
type world struct {
	servers [MaxServers]server
	orphans [MaxFaults]call // requests that nobody waits for any longer
	keys    [maxKeys]saved
	ghosts  [slots]uint8 // the nodes with a lease whose holder is gone
	left    [maxPools]uint8

	many     uint8 // servers there are
	orphaned uint8
	saved    uint8 // keys

	down uint8 // Redis nodes, a bit each

	entries uint16 // the PaymentIntents that the ledger has a charge entry of
	issued  uint8  // the highest fencing token

	generation uint8 // of the claim
	registered uint8 // the PaymentIntent of the invoice
	postponed  card  // the card that the last attempt was declined with
	claimed    bool
	final      bool // the claim never expires
	paused     bool // it is not time for the next attempt

	made    uint8  // PaymentIntents
	charges uint16 // those that have succeeded

	card     card // that the customer has
	declines bool // the old one does

	quiet     uint8 // quiet runs that have begun
	disturbed bool  // something else than the quiet run happened during it
	phantom   bool  // something was recorded that Stripe has not charged
}

// counts are the charges at Stripe and the entries in the ledger.
func (w *world) counts() (charges, entries int) {
	return bits.OnesCount16(w.charges), bits.OnesCount16(w.entries)
}

// wrong says what is wrong with the invoice: "" if nothing is, or nothing yet.
func (w *world) wrong() string {
	charges, entries := w.counts()
	switch {
	case w.phantom:
		return verdicts.NotAtStripe
	case charges > 1:
		return verdicts.Overcharged
	case w.quiet == 0 || w.servers[0].at != done || w.wantsQuietRun():
		return ""
	}
	word := verdicts.Judge(verdicts.Counts{Charges: charges, Entries: entries})
	if word == verdicts.Right {
		return ""
	}
	return word
}

// resting reports whether every server has ended, or never begun.
func (w *world) resting() bool {
	for i := range w.many {
		if w.servers[i].active() {
			return false
		}
	}
	return true
}

// sort puts what has no order in one, so that worlds that differ in nothing else are the same. It
// returns where each server came from.
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

// before is any order: servers that are not told apart by it are alike.
func (s *server) before(t *server) bool {
	switch {
	case s.at != t.at:
		return s.at < t.at
	case s.program != t.program:
		return s.program < t.program
	}
	return bytes.Compare(s.append(nil), t.append(nil)) < 0
}

// append adds the world to b, all of it and nothing else.
func (w *world) append(b []byte) []byte {
	b = append(b, w.many, w.orphaned, w.saved, w.down, w.issued, w.generation, w.registered,
		byte(w.postponed), w.made, byte(w.card), w.quiet,
		flags(w.claimed, w.final, w.paused, w.declines, w.disturbed, w.phantom))
	b = append(b, w.ghosts[:]...)
	b = append(b, w.left[:]...)
	b = binary.LittleEndian.AppendUint16(b, w.entries)
	b = binary.LittleEndian.AppendUint16(b, w.charges)
	for i := range w.many {
		b = w.servers[i].append(b)
	}
	for i := range w.orphaned {
		b = w.orphans[i].append(b)
	}
	for i := range w.saved {
		k := &w.keys[i]
		b = binary.LittleEndian.AppendUint32(b, k.key)
		b = append(b, byte(k.op), byte(k.card), k.intent)
		b = k.reply.append(b)
	}
	return b
}

func (s *server) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(s.at))
	b = s.reply.append(b)
	return append(b, byte(s.flight), byte(s.money), s.program, s.slot, s.nodes, s.claim,
		flags(s.trusts, s.cut))
}

func (c call) append(b []byte) []byte {
	b = append(b, byte(c.op), byte(c.card), c.intent, c.n, c.slot, flags(c.gated))
	return binary.LittleEndian.AppendUint32(b, c.key)
}

func (a answer) append(b []byte) []byte {
	return append(b, byte(a.outcome), flags(a.yes), a.n, a.intent, byte(a.card))
}

func flags(bits ...bool) (b byte) {
	for i, bit := range bits {
		if bit {
			b |= 1 << i
		}
	}
	return b
}

// reader takes apart what append has put together.
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

// world reads one, and leaves what comes behind it.
func (r *reader) world(w *world) {
	*w = world{}
	w.many, w.orphaned, w.saved, w.down = r.byte(), r.byte(), r.byte(), r.byte()
	w.issued, w.generation, w.registered = r.byte(), r.byte(), r.byte()
	w.postponed, w.made, w.card, w.quiet = card(r.byte()), r.byte(), card(r.byte()), r.byte()
	r.flags(&w.claimed, &w.final, &w.paused, &w.declines, &w.disturbed, &w.phantom)
	for i := range w.ghosts {
		w.ghosts[i] = r.byte()
	}
	for i := range w.left {
		w.left[i] = r.byte()
	}
	w.entries, w.charges = uint16(r.uint(2)), uint16(r.uint(2))
	for i := range w.many {
		s := &w.servers[i]
		s.at, s.reply = history(r.uint(8)), r.answer()
		s.flight, s.money = flight(r.byte()), flight(r.byte())
		s.program, s.slot, s.nodes, s.claim = r.byte(), r.byte(), r.byte(), r.byte()
		r.flags(&s.trusts, &s.cut)
	}
	for i := range w.orphaned {
		c := &w.orphans[i]
		c.op, c.card, c.intent, c.n, c.slot = op(r.byte()), card(r.byte()), r.byte(), r.byte(), r.byte()
		r.flags(&c.gated)
		c.key = uint32(r.uint(4))
	}
	for i := range w.saved {
		k := &w.keys[i]
		k.key = uint32(r.uint(4))
		k.op, k.card, k.intent, k.reply = op(r.byte()), card(r.byte()), r.byte(), r.answer()
	}
}

func (r *reader) answer() (a answer) {
	a.outcome = outcome(r.byte())
	r.flags(&a.yes)
	a.n, a.intent, a.card = r.byte(), r.byte(), card(r.byte())
	return a
}
