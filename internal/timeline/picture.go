package timeline

import (
	"slices"
	"time"
)

// Picture is what happened to one invoice: a lane a server, and a lane for each of what they share.
type Picture struct {
	Invoice string
	Began   time.Time     // the first event
	Length  time.Duration // from then to the last
	Lanes   []Lane        // one a server
	Stores  []Lane        // Redis, Stripe and the ledger, as far as something happened there
}

// Lane is what one server did, or what happened at one place, in the order in which it ended.
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

// Step is something that a server did or waited for, or that happened to it. A step that took no
// time is an instant.
type Step struct {
	Kind     Kind
	From, To time.Duration // since the first event
	Event    Event         // the one that ended it; if none did, the one that began it
	Open     bool          // nothing ended it: To is the picture's end, or the server's
	Nth      int           // of money taken: 1 for the invoice's first charge, 2 for one too many
}

// Kind says what a step was.
type Kind string

// The kinds of steps.
const (
	// What a server does.
	Obtain   Kind = "obtain"   // the lease obtained
	Held     Kind = "held"     // the lease or the claim found held by another
	Lose     Kind = "lose"     // the lease gone while it was needed
	Release  Kind = "release"  // the lease given back
	Claim    Kind = "claim"    // the claim taken
	Postpone Kind = "postpone" // and put off, after a decline
	Token    Kind = "token"    // a fencing token issued
	Prepare  Kind = "prepare"  // a PaymentIntent made, that can't take money yet
	Register Kind = "register" // and registered in the ledger
	Charge   Kind = "charge"   // money taken: from the request's leaving to its answer
	Answer   Kind = "answer"   // likewise, but the money was taken before, for another request
	Again    Kind = "again"    // the same request sent once more
	Sent     Kind = "sent"     // a request that was not answered
	Record   Kind = "record"   // the ledger entry
	Skip     Kind = "skip"     // left to another server, or found billed
	Fail     Kind = "fail"     // anything that went wrong

	// What happens to it.
	Stand Kind = "stand" // its process stands still
	Kill  Kind = "kill"  // its process is ended
	Start Kind = "start" // and started again
	Cut   Kind = "cut"   // it can't reach what the event's Reason says

	// What happens at Redis, at Stripe and in the ledger.
	Hold    Kind = "hold"    // a lease or a claim there; the event is of its taking
	Expire  Kind = "expire"  // it is seen to be gone
	Break   Kind = "break"   // nodes are dead
	Restart Kind = "restart" // nodes are there again, empty
	Take    Kind = "take"    // money taken, from the request's arrival
	Refuse  Kind = "refuse"  // an entry refused
	Pass    Kind = "pass"    // a long time passes
	Replace Kind = "replace" // another card
)

// kind says whether an event ends a step of a server, and of which kind.
func kind(event string) (Kind, bool) {
	k, ok := map[string]Kind{
		"lease.obtained": Obtain, "lease.held": Held, "lease.lost": Lose, "lease.released": Release,
		"claim.taken": Claim, "claim.held": Held, "claim.registered": Register,
		"claim.postponed": Postpone, "fence.issued": Token, "intent.prepared": Prepare,
		"charge.sent": Again, "charge.succeeded": Charge, "ledger.recorded": Record,
		"invoice.skipped": Skip, "charge.declined": Fail, "charge.unknown": Fail,
		"charge.not_sent": Fail, "intent.failed": Fail, "ledger.failed": Fail, "ledger.refused": Fail,
		"lease.failed": Fail, "invoice.failed": Fail, ServerResumed: Stand, ServerKilled: Kill,
		ServerStarted: Start, LinkHealed: Cut,
	}[event]
	return k, ok
}

// outside reports whether an event is of something that happens outside the servers.
func outside(event string) bool {
	switch event {
	case ServerPaused, ServerResumed, ServerKilled, ServerStarted, StripeCharged, StripeAdvanced,
		CardReplaced, LeaseExpired, ClaimExpired, RedisDown, RedisRestarted, RedisReplaced, LinkCut,
		LinkHealed:
		return true
	}
	return false
}

// Draw makes the picture of one invoice from events, in any order: what is told of it, and what
// happens outside the servers. Every server has its lane, in the order in which they are given,
// also if it did nothing; what others did is left out.
func Draw(invoice string, servers []string, events []Event) Picture {
	events = slices.DeleteFunc(slices.Clone(events), func(e Event) bool {
		about := e.Invoice == invoice || e.Invoice == "" && outside(e.Name)
		return !about || e.Server != "" && !slices.Contains(servers, e.Server)
	})
	slices.SortStableFunc(events, func(a, b Event) int { return a.Time.Compare(b.Time) })

	d := drawing{events: events, nth: map[string]int{}, taker: map[string]string{}}
	// What comes first in time may have ended last.
	for _, e := range events {
		if began := e.Time.Add(-elapsed(e)); d.origin.IsZero() || began.Before(d.origin) {
			d.origin = began
		}
	}
	d.count()
	p := Picture{Invoice: invoice, Began: d.origin}
	for _, e := range events {
		if _, ok := kind(e.Name); ok || outside(e.Name) {
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

// drawing is a picture in the making.
type drawing struct {
	events []Event // of the picture, in the order of time
	origin time.Time
	length time.Duration
	nth    map[string]int    // by PaymentIntent: the how-manieth charge of the invoice it is
	taker  map[string]string // by PaymentIntent: the server for whose request the money was taken
}

func (d *drawing) at(e Event) time.Duration { return e.Time.Sub(d.origin) }

// count numbers the charges, as Stripe took them; where it doesn't tell, as the servers learned of
// them.
func (d *drawing) count() {
	for _, name := range []string{StripeCharged, "charge.succeeded"} {
		for _, e := range d.events {
			if e.Name == name && d.nth[d.charge(e)] == 0 {
				d.nth[d.charge(e)] = len(d.nth) + 1
				d.taker[d.charge(e)] = e.Server
			}
		}
	}
}

// charge tells charges apart. One without a PaymentIntent is its server's.
func (d *drawing) charge(e Event) string {
	if e.PaymentIntent == "" {
		return e.Server + " " + e.Time.String()
	}
	return e.PaymentIntent
}

func elapsed(e Event) time.Duration { return time.Duration(e.MS * float64(time.Millisecond)) }
