package timeline

import (
	"fmt"
	"slices"
	"time"

	"example.com/triplecharge/internal/event"
)

// holding builds the lane of a store in which one server at a time holds a lease or a claim.
type holding struct {
	*drawing
	lane   Lane
	holder *event.Event // how the current holder took it; nil: nobody holds it
}

// take begins a hold, and ends the previous one.
func (h *holding) take(e event.Event) {
	h.end(h.at(e))
	h.holder = &e
}

// end ends the current hold, if there is one.
func (h *holding) end(at time.Duration) {
	if h.holder != nil {
		h.lane.Steps = append(h.lane.Steps, Step{
			Kind: Hold, From: h.at(*h.holder), To: at, Event: *h.holder,
		})
	}
	h.holder = nil
}

// finish returns the lane; a current hold stays open.
func (h *holding) finish() Lane {
	if h.holder != nil {
		h.end(h.length)
		h.lane.Steps[len(h.lane.Steps)-1].Open = true
	}
	return h.lane
}

func (h *holding) instant(k Kind, e event.Event) {
	at := h.at(e)
	h.lane.Steps = append(h.lane.Steps, Step{Kind: k, From: at, To: at, Event: e})
}

// redis builds the lane of Redis: who held the lease, and what happened to the nodes.
func (d *drawing) redis() Lane {
	h := holding{drawing: d, lane: Lane{Name: Redis}}
	for _, e := range d.events {
		switch e.Kind {
		case event.LeaseObtained:
			h.take(e)
		case event.LeaseReleased:
			// A naive lease carries no token: any server's release deletes it.
			if h.holder != nil && e.Error == "" &&
				(h.holder.Server == e.Server || h.holder.Value == h.holder.Server) {
				h.end(h.at(e))
			}
		case event.LeaseExpired:
			h.end(h.at(e))
			h.instant(Expire, e)
		case event.RedisDown, event.RedisClockJumped, event.RedisRestarted, event.RedisReplaced:
			if majority(e.Reason) {
				h.end(h.at(e))
			}
			h.instant(map[event.Kind]Kind{
				event.RedisDown: Break, event.RedisClockJumped: Expire,
				event.RedisRestarted: Restart, event.RedisReplaced: Restart,
			}[e.Kind], e)
		}
	}
	return h.finish()
}

// majority reports whether the reason, such as "2 of 5 nodes", means a majority: then no lease
// survives. A reason without numbers means the only node.
func majority(reason string) bool {
	var lost, all int
	if n, _ := fmt.Sscanf(reason, "%d of %d nodes", &lost, &all); n < 2 {
		return true
	}
	return lost > all/2
}

// stripe builds the lane of Stripe: the money taken, in order.
func (d *drawing) stripe() Lane {
	lane := Lane{Name: Stripe}
	known := slices.ContainsFunc(d.events, func(e event.Event) bool {
		return e.Kind == event.StripeCharged
	})
	for _, e := range d.events {
		to := d.at(e)
		from := to
		var k Kind
		switch {
		case e.Kind == event.StripeCharged:
			k, from = Take, to-elapsed(e)
		case e.Kind == event.ChargeSucceeded && !known && d.taker[d.charge(e)] == e.Server:
			k = Take // as far as the servers know
		case e.Kind == event.StripeAdvanced:
			k = Pass
		case e.Kind == event.PersonActed:
			k = Act
		case e.Kind == event.CardReplaced:
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

// ledger builds the lane of the ledger: who held the claim, and the entries.
func (d *drawing) ledger() Lane {
	h := holding{drawing: d, lane: Lane{Name: Ledger}}
	entered := map[string]bool{} // by charge: recording it again adds no entry
	for _, e := range d.events {
		switch e.Kind {
		case event.ClaimTaken:
			h.take(e)
		case event.ClaimPostponed, event.ClaimReturned:
			h.end(h.at(e))
		case event.ClaimExpired:
			h.end(h.at(e))
			h.instant(Expire, e)
		case event.LedgerRecorded:
			h.end(h.at(e)) // the entry settles the claim, whoever writes it
			if !entered[d.charge(e)] {
				h.instant(Record, e)
			}
			entered[d.charge(e)] = true
		case event.LedgerRefused:
			h.instant(Refuse, e)
		case event.LedgerReplaced:
			h.instant(Restart, e)
		}
	}
	return h.finish()
}
