package explore

import (
	"fmt"
	"math/bits"
	"strings"

	"example.com/triplecharge/internal/timeline"
)

// asks says what a call asks for.
func (c call) asks() string {
	switch c.op {
	case obtain:
		return "asks Redis for the lease"
	case trusted:
		return "asks its clock whether the lease can be trusted"
	case release:
		return "gives the lease back"
	case charged:
		return "asks the ledger whether the invoice is charged"
	case record, recordFenced:
		return "records the charge by " + intentName(c.intent)
	case issue:
		return "asks the ledger for a fencing token"
	case take, takeFinal:
		return "asks the ledger for the claim"
	case register:
		return "registers " + intentName(c.intent)
	case postpone:
		return "gives the claim back until the next attempt"
	case charge:
		return "charge Alice $10" + withKey(c)
	case prepare:
		return "prepare a PaymentIntent" + withKey(c)
	case confirm:
		return "confirm " + intentName(c.intent) + withKey(c)
	}
	return ""
}

func withKey(c call) string {
	if c.key == 0 {
		return ", under a key of its own"
	}
	return ", under the key that the mode gives it"
}

// answered says what an answer is, to this call.
func (c call) answered(a answer) string {
	if a.outcome != ok {
		return a.outcome.err().Error()
	}
	switch c.op {
	case obtain:
		return "OK"
	case trusted:
		return "yes"
	case charged:
		if a.yes {
			return "yes"
		}
		return "no"
	case issue:
		return fmt.Sprint(a.n)
	case take, takeFinal:
		if a.intent == 0 {
			return fmt.Sprintf("OK, generation %d", a.n)
		}
		return fmt.Sprintf("OK, generation %d, with %s", a.n, intentName(a.intent))
	case register:
		if a.intent != c.intent {
			return "too late, it is " + intentName(a.intent)
		}
	case charge, confirm:
		return intentName(a.intent) + " has succeeded"
	case prepare:
		return intentName(a.intent)
	}
	return "OK"
}

// event is what a run tells when a call is answered like this.
func (c call) event(a answer) timeline.Event {
	e := timeline.Event{PaymentIntent: intentName(c.intent)}
	if a.outcome != ok {
		e.Error = a.outcome.err().Error()
	}
	switch c.op {
	case obtain:
		e.Name = map[outcome]string{ok: "lease.obtained", held: "lease.held"}[a.outcome]
		if e.Name == "" {
			e.Name = "lease.failed"
		}
		e.Key, e.Value, e.TTLMS = invoice(oldCard).LockKey(), "server:…", 5000
	case release:
		e.Name = "lease.released"
	case record, recordFenced:
		e.Name = map[outcome]string{ok: "ledger.recorded", stale: "ledger.refused"}[a.outcome]
		if e.Name == "" {
			e.Name = "ledger.failed"
		}
	case take, takeFinal:
		e.Name = map[outcome]string{ok: "claim.taken", taken: "claim.held"}[a.outcome]
	case register, postpone, issue:
		if a.outcome == ok {
			e.Name = map[op]string{
				register: "claim.registered", postpone: "claim.postponed", issue: "fence.issued",
			}[c.op]
		}
	case prepare:
		e.Name = "intent.failed"
		if a.outcome == ok {
			e.Name, e.PaymentIntent = "intent.prepared", intentName(a.intent)
		}
	case charge, confirm:
		e.Name = map[outcome]string{
			ok: "charge.succeeded", declined: "charge.declined",
			notSent: "charge.not_sent", tooLate: "charge.not_sent",
		}[a.outcome]
		if e.Name == "" {
			e.Name = "charge.unknown"
		}
		e.PaymentIntent, e.AmountMinor, e.Currency = intentName(a.intent), 1000, "usd"
	}
	return e
}

// does says what comes of it that Stripe carries out a request now.
func (w *world) does(c call) string {
	after := *w
	var nobody server
	a := after.execute(&nobody, c, noFailure)
	switch {
	case after.charges != w.charges:
		return fmt.Sprintf(": Alice is charged, charge %s", ordinal(&after))
	case a.outcome != ok:
		return ": " + a.outcome.err().Error()
	case c.takesMoney():
		return ": it has been carried out already, and nothing more is taken"
	}
	return ""
}

func ordinal(w *world) string {
	charges, _ := w.counts()
	return fmt.Sprintf("number %d", charges)
}

// faultWords say what goes wrong with a server.
func faultWords() map[kind]string {
	return map[kind]string{
		expire:       "stands still for longer than what it holds lasts",
		crash:        "is killed; what it has sent goes on",
		dropAndCrash: "is killed, and what it has sent never arrives",
		failBefore:   "Stripe answers its request with a 500, which it saves, and does nothing",
		failAfter:    "Stripe does what it asks, and answers with a 500, which it saves",
		cut:          "can't reach the ledger any longer, until its run is over",
	}
}

// elsewhere says what happens in a move that is no server's, where leases are on the nodes.
func (w *world) elsewhere(m move, nodes uint8) (string, timeline.Event) {
	one := "" // of the nodes, where there are several
	if n := bits.OnesCount8(nodes); n > 1 {
		one = fmt.Sprintf("1 of %d nodes", n)
	}
	switch m.kind {
	case arrive:
		c := w.orphans[m.who]
		text := "A request that nobody waits for any longer arrives (" + c.asks() + ")"
		return text + w.does(c), timeline.Event{}
	case endLease:
		return "The lease of a server that is gone expires", timeline.Event{}
	case endClaim:
		return "The claim of a server that is gone expires", timeline.Event{}
	case endPause:
		return "It is time for the next attempt", timeline.Event{}
	case redisUp:
		return "A Redis node is back", timeline.Event{}
	case replaceCard:
		return "Alice puts in another card", timeline.Event{Name: timeline.CardReplaced}
	case acceptAgain:
		return "Alice's card accepts again", timeline.Event{}
	case quietRun:
		return "All faults are over, leases and claims expire; a fresh server has a quiet run",
			timeline.Event{}
	case forget:
		return "A day passes: Stripe forgets a key", timeline.Event{
			Name: timeline.StripeAdvanced, Reason: "25 hours pass",
		}
	case decline:
		return "Alice's card declines from now on", timeline.Event{}
	case redisEmpty:
		return "A Redis node loses all it had", timeline.Event{
			Name: timeline.RedisRestarted, Reason: one,
		}
	case redisDown:
		return "A Redis node dies", timeline.Event{Name: timeline.RedisDown, Reason: one}
	}
	return strings.ToUpper(kindNames()[m.kind]), timeline.Event{}
}
