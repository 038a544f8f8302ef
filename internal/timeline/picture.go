// Package timeline turns the events of servers into the picture of a run. Building the picture's
// data is pure; drawing it, as text or as an SVG, is separate.
package timeline

import (
	"slices"
	"time"

	"example.com/triplecharge/internal/event"
)

// Picture is what happened to one invoice: a lane for each server and for each store they share.
type Picture struct {
	Invoice string
	Began   time.Time     // when the first step began
	Length  time.Duration // from then to the last event
	Lanes   []Lane        // one per server
	Stores  []Lane        // Redis, Stripe and the ledger, without those where nothing happened
	Events  []event.Event // what it is drawn from, in the order of time
}

// Lane is what one server did, or what happened at one store. Its steps are in the order in which
// they ended.
type Lane struct {
	Name  string
	Steps []Step
}

// The names of the stores' lanes.
const (
	Redis  = "Redis"
	Stripe = "Stripe"
	Ledger = "ledger"
)

// Step is something that a server did or waited for, or that happened to it or at a store.
type Step struct {
	Kind     Kind
	From, To time.Duration // since Picture.Began
	Event    event.Event   // the event that ended the step; if none did, the one that began it
	Open     bool          // nothing ended it: To is the end of the picture or of the server
	Nth      int           // of a charge: its ordinal within its invoice, from 1
}

// stretch returns how a server's step is drawn: as Cut, as Pause, or as Sent while a request for
// money is in flight; "" if not as a stretch.
func (s Step) stretch() Kind {
	switch {
	case s.Kind == Charge, s.Kind == Answer, s.Event.Kind == event.ChargeUnknown,
		s.Event.Kind == event.ChargeDeclined:
		return Sent
	case s.Kind == Sent, s.Kind == Cut, s.Kind == Pause:
		return s.Kind
	}
	return ""
}

// Kind says what a step was.
type Kind string

// The kinds of steps.
const (
	// What a server does.
	Obtain   Kind = "obtain"   // obtains the lease
	Held     Kind = "held"     // finds the lease or the claim held by another server
	Lose     Kind = "lose"     // loses the lease while it needs it
	Release  Kind = "release"  // releases the lease
	Claim    Kind = "claim"    // takes the claim
	Postpone Kind = "postpone" // returns the claim until the next attempt, after a decline
	Return   Kind = "return"   // returns the claim at once, since nothing was sent
	Token    Kind = "token"    // gets a fencing token
	Prepare  Kind = "prepare"  // prepares a PaymentIntent, which can't take money yet
	Register Kind = "register" // registers the PaymentIntent in the ledger
	Charge   Kind = "charge"   // takes money: from sending the request to its answer
	Answer   Kind = "answer"   // likewise, but another request had taken the money
	Resend   Kind = "resend"   // sends the same request again
	Sent     Kind = "sent"     // sends a request that is never answered
	Record   Kind = "record"   // records the charge in the ledger
	Skip     Kind = "skip"     // leaves the invoice to another server, or finds it billed
	Fail     Kind = "fail"     // fails at something
	Hear     Kind = "hear"     // gets Stripe's event of a charge

	// What happens to a server.
	Pause Kind = "pause" // its process is paused
	Kill  Kind = "kill"  // its process is killed
	Start Kind = "start" // its process is started again
	Cut   Kind = "cut"   // it can't reach the service in the event's Reason

	// What happens at Redis, at Stripe and in the ledger.
	Hold    Kind = "hold"    // a server holds a lease or a claim; the event is its taking
	Expire  Kind = "expire"  // a lease or a claim has expired
	Break   Kind = "break"   // nodes die
	Restart Kind = "restart" // nodes come back, empty
	Take    Kind = "take"    // Stripe takes money: from the request's arrival
	Refuse  Kind = "refuse"  // the ledger refuses an entry
	Pass    Kind = "pass"    // a long time passes
	Replace Kind = "replace" // the customer enters another card
	Act     Kind = "act"     // a person changes something
)

// kind returns the kind of step that an event ends; false if it ends none.
func kind(e event.Kind) (Kind, bool) {
	k, ok := map[event.Kind]Kind{
		event.LeaseObtained: Obtain, event.LeaseHeld: Held, event.LeaseLost: Lose,
		event.LeaseReleased: Release, event.ClaimTaken: Claim, event.ClaimHeld: Held,
		event.ClaimRegistered: Register, event.ClaimPostponed: Postpone,
		event.ClaimReturned: Return, event.FenceIssued: Token,
		event.IntentPrepared: Prepare, event.ChargeSent: Resend, event.ChargeSucceeded: Charge,
		event.LedgerRecorded: Record, event.InvoiceSkipped: Skip, event.ChargeDeclined: Fail,
		event.ChargeUnknown: Fail, event.ChargeNotSent: Fail, event.IntentFailed: Fail,
		event.LedgerFailed: Fail, event.LedgerRefused: Fail, event.LeaseFailed: Fail,
		event.IntentCanceled: Fail, event.InvoiceFailed: Fail, event.ServerResumed: Pause,
		event.WebhookReceived: Hear,
		event.ServerKilled:    Kill, event.ServerStarted: Start, event.LinkHealed: Cut,
	}[e]
	return k, ok
}

// Draw builds the picture of one invoice from events in any order. Each of the servers gets a lane,
// even if it did nothing; events of other servers are ignored.
func Draw(invoice string, servers []string, events []event.Event) Picture {
	events = slices.DeleteFunc(slices.Clone(events), func(e event.Event) bool {
		about := e.Invoice == invoice || e.Invoice == "" && e.Kind.Outside()
		return !about || e.Server != "" && !slices.Contains(servers, e.Server)
	})
	slices.SortStableFunc(events, func(a, b event.Event) int { return a.Time.Compare(b.Time) })

	d := drawing{events: events, nth: map[string]int{}, taker: map[string]string{}}
	// An event is logged at the end of its step, so the step that began first may have ended last.
	for _, e := range events {
		if began := e.Time.Add(-elapsed(e)); d.origin.IsZero() || began.Before(d.origin) {
			d.origin = began
		}
	}
	d.count()
	p := Picture{Invoice: invoice, Began: d.origin, Events: events}
	for _, e := range events {
		if _, ok := kind(e.Kind); ok || e.Kind.Outside() {
			p.Length = max(p.Length, d.at(e))
		}
	}
	d.length = p.Length
	for _, server := range servers {
		p.Lanes = append(p.Lanes, d.server(server))
	}
	for _, store := range []Lane{d.redis(), d.stripe(), d.ledger()} {
		if len(store.Steps) > 0 {
			p.Stores = append(p.Stores, store)
		}
	}
	return p
}

type drawing struct {
	events []event.Event // of the picture, by time
	origin time.Time
	length time.Duration
	nth    map[string]int    // by charge: its ordinal within its invoice
	taker  map[string]string // by charge: the server whose request took the money
}

func (d *drawing) at(e event.Event) time.Duration { return e.Time.Sub(d.origin) }

// count numbers the charges: those in Stripe's events first, then any that only servers logged.
func (d *drawing) count() {
	for _, name := range []event.Kind{event.StripeCharged, event.ChargeSucceeded} {
		for _, e := range d.events {
			if e.Kind == name && d.nth[d.charge(e)] == 0 {
				d.nth[d.charge(e)] = len(d.nth) + 1
				d.taker[d.charge(e)] = e.Server
			}
		}
	}
}

// charge identifies a charge by its PaymentIntent or, without one, by its server and time.
func (d *drawing) charge(e event.Event) string {
	if e.PaymentIntent == "" {
		return e.Server + " " + e.Time.String()
	}
	return e.PaymentIntent
}

func elapsed(e event.Event) time.Duration {
	return time.Duration(e.MS * float64(time.Millisecond))
}
