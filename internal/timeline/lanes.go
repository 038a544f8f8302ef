package timeline

import "time"

// laneOf is one server's lane in the making: what has begun there and not ended.
type laneOf struct {
	*drawing
	lane   Lane
	sent   *Event // the request for money that is on its way
	stands *Event // since when its process has stood still
	cuts   []Event
}

// server draws the lane of one.
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

// take adds what an event ends, and keeps what it begins.
func (l *laneOf) take(e Event) {
	switch e.Name {
	case ServerPaused:
		l.stands = &e
	case LinkCut:
		l.cuts = append(l.cuts, e)
	case "charge.sent":
		if l.sent == nil {
			l.sent = &e
			return
		}
		l.add(Again, e, l.at(e))
	case "charge.succeeded", "charge.declined", "charge.unknown", "charge.not_sent":
		l.answered(e)
	case ServerResumed:
		if l.stands != nil {
			l.add(Stand, e, l.at(*l.stands))
			l.stands = nil
		}
	case LinkHealed:
		l.healed(e)
	case ServerKilled:
		l.unfinished(l.at(e))
		l.add(Kill, e, l.at(e))
	default:
		if k, ok := kind(e.Name); ok {
			l.add(k, e, l.at(e)-elapsed(e))
		}
	}
}

func (l *laneOf) add(k Kind, e Event, from time.Duration) {
	l.lane.Steps = append(l.lane.Steps, Step{Kind: k, From: from, To: l.at(e), Event: e})
}

// answered ends a request for money. How long an event says it took is for those whose leaving was
// not told.
func (l *laneOf) answered(e Event) {
	k, _ := kind(e.Name)
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

// healed ends the cut of the same link.
func (l *laneOf) healed(e Event) {
	for i, cut := range l.cuts {
		if cut.Reason == e.Reason {
			l.add(Cut, e, l.at(cut))
			l.cuts = append(l.cuts[:i], l.cuts[i+1:]...)
			return
		}
	}
}

// unfinished adds what nothing has ended by the time.
func (l *laneOf) unfinished(to time.Duration) {
	open := func(k Kind, e Event) {
		s := Step{Kind: k, From: l.at(e), To: to, Event: e, Open: true}
		l.lane.Steps = append(l.lane.Steps, s)
	}
	if l.sent != nil {
		open(Sent, *l.sent)
	}
	if l.stands != nil {
		open(Stand, *l.stands)
	}
	for _, cut := range l.cuts {
		open(Cut, cut)
	}
	l.sent, l.stands, l.cuts = nil, nil, nil
}
