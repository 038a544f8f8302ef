package timeline

import (
	"fmt"
	"slices"
	"time"

	"example.com/triplecharge/internal/event"
)

// laneOf is a lane in progress.
type laneOf struct {
	*drawing
	lane Lane
}

// add adds the step that an event ends.
func (l *laneOf) add(k Kind, e event.Event, from time.Duration) {
	s := Step{Kind: k, From: from, To: l.at(e), Event: e}
	if k == Charge || k == Take {
		s.Nth = l.nth[l.charge(e)]
	}
	l.lane.Steps = append(l.lane.Steps, s)
}

// serverLane is one server's. It keeps the events that began something that has not ended.
type serverLane struct {
	laneOf
	sent   *event.Event // the request for money in flight; nil: none
	paused *event.Event // the pause that the process is in; nil: none
	cuts   []event.Event
}

// server builds the lane of one server.
func (d *drawing) server(name string) Lane {
	l := serverLane{laneOf: laneOf{d, Lane{Name: name}}}
	for _, e := range d.events {
		if e.Server == name {
			l.take(e)
		}
	}
	l.unfinished(d.length)
	return l.lane
}

// take adds the step that an event ends, and keeps an event that begins one.
func (l *serverLane) take(e event.Event) {
	switch e.Kind {
	case event.ServerPaused:
		l.paused = &e
	case event.LinkCut:
		l.cuts = append(l.cuts, e)
	case event.ChargeSent:
		if l.sent == nil {
			l.sent = &e
			return
		}
		l.add(Resend, e, l.at(e))
	case event.ChargeSucceeded, event.ChargeDeclined, event.ChargeUnknown, event.ChargeNotSent:
		l.answered(e)
	case event.ServerResumed:
		if l.paused != nil {
			l.add(Pause, e, l.at(*l.paused))
			l.paused = nil
		}
	case event.LinkHealed:
		l.healed(e)
	case event.ServerKilled:
		l.unfinished(l.at(e))
		l.add(Kill, e, l.at(e))
	default:
		if k, ok := kind(e.Kind); ok {
			l.add(k, e, l.at(e)-elapsed(e))
		}
	}
}

// answered ends a request for money. If no event says when it was sent, its duration does.
func (l *serverLane) answered(e event.Event) {
	from := l.at(e) - elapsed(e)
	if l.sent != nil {
		from = l.at(*l.sent)
	}
	k, _ := kind(e.Kind)
	if k == Charge && l.taker[l.charge(e)] != e.Server {
		k = Answer
	}
	l.add(k, e, from)
	l.sent = nil
}

// healed ends the cut of a link.
func (l *serverLane) healed(e event.Event) {
	for i, cut := range l.cuts {
		if cut.Reason == e.Reason {
			l.add(Cut, e, l.at(cut))
			l.cuts = append(l.cuts[:i], l.cuts[i+1:]...)
			return
		}
	}
}

// unfinished adds the steps that have begun and not ended, up to the given time.
func (l *serverLane) unfinished(to time.Duration) {
	open := func(k Kind, e event.Event) {
		s := Step{Kind: k, From: l.at(e), To: to, Event: e, Open: true}
		l.lane.Steps = append(l.lane.Steps, s)
	}
	if l.sent != nil {
		open(Sent, *l.sent)
	}
	if l.paused != nil {
		open(Pause, *l.paused)
	}
	for _, cut := range l.cuts {
		open(Cut, cut)
	}
	l.sent, l.paused, l.cuts = nil, nil, nil
}

// holding builds the lane of a store in which one server at a time holds a lease or a claim.
type holding struct {
	laneOf
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

// redis builds the lane of Redis: who held the lease, and what happened to the nodes.
func (d *drawing) redis() Lane {
	h := holding{laneOf: laneOf{d, Lane{Name: Redis}}}
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
			h.add(Expire, e, h.at(e))
		case event.RedisDown, event.RedisClockJumped, event.RedisRestarted, event.RedisReplaced:
			if majority(e.Reason) {
				h.end(h.at(e))
			}
			h.add(map[event.Kind]Kind{
				event.RedisDown: Break, event.RedisClockJumped: Expire,
				event.RedisRestarted: Restart, event.RedisReplaced: Restart,
			}[e.Kind], e, h.at(e))
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
	l := laneOf{d, Lane{Name: Stripe}}
	known := slices.ContainsFunc(d.events, func(e event.Event) bool {
		return e.Kind == event.StripeCharged
	})
	for _, e := range d.events {
		switch e.Kind {
		case event.StripeCharged:
			l.add(Take, e, d.at(e)-elapsed(e))
		case event.ChargeSucceeded:
			if !known && d.taker[d.charge(e)] == e.Server { // as far as the servers know
				l.add(Take, e, d.at(e))
			}
		case event.StripeAdvanced:
			l.add(Pass, e, d.at(e))
		case event.PersonActed:
			l.add(Act, e, d.at(e))
		case event.CardReplaced:
			l.add(Replace, e, d.at(e))
		}
	}
	return l.lane
}

// ledger builds the lane of the ledger: who held the claim, and the entries.
func (d *drawing) ledger() Lane {
	h := holding{laneOf: laneOf{d, Lane{Name: Ledger}}}
	entered := map[string]bool{} // by charge: recording it again adds no entry
	for _, e := range d.events {
		switch e.Kind {
		case event.ClaimTaken:
			h.take(e)
		case event.ClaimPostponed, event.ClaimReturned:
			h.end(h.at(e))
		case event.ClaimExpired:
			h.end(h.at(e))
			h.add(Expire, e, h.at(e))
		case event.LedgerRecorded:
			h.end(h.at(e)) // the entry settles the claim, whoever writes it
			if !entered[d.charge(e)] {
				h.add(Record, e, h.at(e))
			}
			entered[d.charge(e)] = true
		case event.LedgerRefused:
			h.add(Refuse, e, h.at(e))
		case event.LedgerReplaced:
			h.add(Restart, e, h.at(e))
		}
	}
	return h.finish()
}
