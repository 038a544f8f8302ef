package timeline

import (
	"time"

	"example.com/triplecharge/internal/event"
)

// laneOf builds one server's lane. It keeps the events that began something that has not ended.
type laneOf struct {
	*drawing
	lane   Lane
	sent   *event.Event // the request for money in flight; nil: none
	paused *event.Event // the pause that the process is in; nil: none
	cuts   []event.Event
}

// server builds the lane of one server.
func (d *drawing) server(name string) Lane {
	l := laneOf{drawing: d, lane: Lane{Name: name}}
	for _, e := range d.events {
		if e.Server == name {
			l.take(e)
		}
	}
	l.unfinished(d.length)
	return l.lane
}

// take adds the step that an event ends, and keeps an event that begins one.
func (l *laneOf) take(e event.Event) {
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

func (l *laneOf) add(k Kind, e event.Event, from time.Duration) {
	l.lane.Steps = append(l.lane.Steps, Step{Kind: k, From: from, To: l.at(e), Event: e})
}

// answered ends a request for money. If no event says when it was sent, its duration does.
func (l *laneOf) answered(e event.Event) {
	k, _ := kind(e.Kind)
	s := Step{Kind: k, From: l.at(e) - elapsed(e), To: l.at(e), Event: e}
	if l.sent != nil {
		s.From = l.at(*l.sent)
	}
	if k == Charge {
		s.Nth = l.nth[l.charge(e)]
		if l.taker[l.charge(e)] != e.Server {
			s.Kind, s.Nth = Answer, 0
		}
	}
	l.lane.Steps = append(l.lane.Steps, s)
	l.sent = nil
}

// healed ends the cut of a link.
func (l *laneOf) healed(e event.Event) {
	for i, cut := range l.cuts {
		if cut.Reason == e.Reason {
			l.add(Cut, e, l.at(cut))
			l.cuts = append(l.cuts[:i], l.cuts[i+1:]...)
			return
		}
	}
}

// unfinished adds the steps that have begun and not ended, up to the given time.
func (l *laneOf) unfinished(to time.Duration) {
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
