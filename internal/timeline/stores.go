package timeline

import (
	"fmt"
	"time"
)

// holding is a store's lane in the making, in which one at a time holds a lease or a claim.
type holding struct {
	*drawing
	lane   Lane
	holder *Event // of the taking of what is held
}

// take begins what somebody holds from now on.
func (h *holding) take(e Event) {
	h.end(h.at(e))
	h.holder = &e
}

// end ends it, if anything is held.
func (h *holding) end(at time.Duration) {
	if h.holder != nil {
		h.lane.Steps = append(h.lane.Steps, Step{
			Kind: Hold, From: h.at(*h.holder), To: at, Event: *h.holder,
		})
	}
	h.holder = nil
}

// finish ends the lane: what is held stays so.
func (h *holding) finish() Lane {
	if h.holder != nil {
		h.end(h.length)
		h.lane.Steps[len(h.lane.Steps)-1].Open = true
	}
	return h.lane
}

func (h *holding) instant(k Kind, e Event) {
	at := h.at(e)
	h.lane.Steps = append(h.lane.Steps, Step{Kind: k, From: at, To: at, Event: e})
}

// redis draws who held the lease, and what became of the nodes.
func (d *drawing) redis() Lane {
	h := holding{drawing: d, lane: Lane{Name: Redis}}
	for _, e := range d.events {
		switch e.Name {
		case "lease.obtained":
			h.take(e)
		case "lease.released":
			// A lease that carries no token is deleted by whoever comes.
			if h.holder != nil && e.Error == "" &&
				(h.holder.Server == e.Server || h.holder.Value == h.holder.Server) {
				h.end(h.at(e))
			}
		case LeaseExpired:
			h.end(h.at(e))
			h.instant(Expire, e)
		case RedisDown:
			if majority(e.Reason) {
				h.end(h.at(e))
			}
			h.instant(Break, e)
		case RedisRestarted, RedisReplaced:
			if majority(e.Reason) {
				h.end(h.at(e))
			}
			h.instant(Restart, e)
		}
	}
	return h.finish()
}

// majority reports whether nodes of which an event says "2 of 5 nodes" are so many that no lease
// outlives them. Where there is one node, it says nothing of the kind.
func majority(reason string) bool {
	var lost, all int
	if n, _ := fmt.Sscanf(reason, "%d of %d nodes", &lost, &all); n < 2 {
		return true
	}
	return lost > all/2
}

// stripe draws the money taken, in the order in which it was.
func (d *drawing) stripe() Lane {
	lane := Lane{Name: Stripe}
	told := false
	for _, e := range d.events {
		told = told || e.Name == StripeCharged
	}
	for _, e := range d.events {
		to := d.at(e)
		from := to
		var k Kind
		switch {
		case e.Name == StripeCharged:
			k, from = Take, to-elapsed(e)
		case e.Name == "charge.succeeded" && !told && d.taker[d.charge(e)] == e.Server:
			k = Take // as far as one can tell from here
		case e.Name == StripeAdvanced:
			k = Pass
		case e.Name == CardReplaced:
			k = Replace
		default:
			continue
		}
		s := Step{Kind: k, From: from, To: to, Event: e}
		if k == Take {
			s.Nth = d.nth[d.charge(e)]
		}
		lane.Steps = append(lane.Steps, s)
	}
	return lane
}

// ledger draws who held the claim, and the entries.
func (d *drawing) ledger() Lane {
	h := holding{drawing: d, lane: Lane{Name: Ledger}}
	entered := map[string]bool{} // by charge: to record it again makes no other entry
	for _, e := range d.events {
		switch e.Name {
		case "claim.taken":
			h.take(e)
		case "claim.postponed":
			h.end(h.at(e))
		case ClaimExpired:
			h.end(h.at(e))
			h.instant(Expire, e)
		case "ledger.recorded":
			h.end(h.at(e)) // the entry settles the claim, whoever writes it
			if !entered[d.charge(e)] {
				h.instant(Record, e)
			}
			entered[d.charge(e)] = true
		case "ledger.refused":
			h.instant(Refuse, e)
		}
	}
	return h.finish()
}
