package timeline

import (
	"slices"
	"time"
)

// Picture is what happened to one invoice: a lane a server.
type Picture struct {
	Invoice string
	Length  time.Duration // from the first event to the last
	Lanes   []Lane        // one a server
}

// Lane is what one server did, in order.
type Lane struct {
	Server string
	Steps  []Step
}

// Step is something that a server did or waited for. A step that took no time is an instant.
type Step struct {
	Kind     Kind
	From, To time.Duration // since the first event
	Event    Event         // the one that ended it
}

// Kind says what a step was.
type Kind string

// The kinds of steps.
const (
	Obtain  Kind = "obtain"  // the lease obtained
	Held    Kind = "held"    // the lease found held by another
	Charge  Kind = "charge"  // from the request's leaving to its answer
	Record  Kind = "record"  // the ledger entry
	Release Kind = "release" // the lease given back
	Skip    Kind = "skip"    // left to another server, or found billed
	Fail    Kind = "fail"    // anything that went wrong
)

// kind says whether an event ends a step, and of which kind.
func kind(event string) (Kind, bool) {
	switch event {
	case "lease.obtained":
		return Obtain, true
	case "lease.held":
		return Held, true
	case "charge.succeeded":
		return Charge, true
	case "ledger.recorded":
		return Record, true
	case "lease.released":
		return Release, true
	case "invoice.skipped":
		return Skip, true
	case "charge.declined", "charge.unknown", "charge.not_sent", "intent.failed", "ledger.failed",
		"ledger.refused", "lease.failed", "lease.lost", "invoice.failed":
		return Fail, true
	}
	return "", false
}

// Draw makes the picture of one invoice from the events of servers, in any order. Every server has
// its lane, in the order in which they are given, also if it did nothing.
func Draw(invoice string, servers []string, events []Event) Picture {
	events = slices.DeleteFunc(slices.Clone(events), func(e Event) bool {
		return e.Invoice != invoice || !slices.Contains(servers, e.Server)
	})
	slices.SortStableFunc(events, func(a, b Event) int { return a.Time.Compare(b.Time) })

	// What comes first in time may have ended last.
	var origin time.Time
	for _, e := range events {
		if began := e.Time.Add(-elapsed(e)); origin.IsZero() || began.Before(origin) {
			origin = began
		}
	}
	p := Picture{Invoice: invoice}
	for _, server := range servers {
		lane := Lane{Server: server}
		for _, e := range events {
			k, ok := kind(e.Name)
			if e.Server != server || !ok {
				continue
			}
			to := e.Time.Sub(origin)
			lane.Steps = append(lane.Steps, Step{k, to - elapsed(e), to, e})
			p.Length = max(p.Length, to)
		}
		p.Lanes = append(p.Lanes, lane)
	}
	return p
}

func elapsed(e Event) time.Duration { return time.Duration(e.MS * float64(time.Millisecond)) }
