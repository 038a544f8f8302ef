package explore

import (
	"fmt"

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
	return ", under the mode's key"
}

// answered says what an answer is, to this call.
func (c call) answered(a answer) string {
	switch {
	case c.op == trusted && a.outcome == lost:
		return "no"
	case a.outcome == unknown:
		return "an error, and the outcome is unknown"
	case a.outcome != ok:
		return a.outcome.err().Error()
	}
	switch c.op {
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
		return intentName(a.intent) + " is prepared"
	}
	return "OK"
}

// unanswered says that a call gets no answer.
func (c call) unanswered(k kind) string {
	switch {
	case k == refuse:
		return "can't reach Stripe: nothing is sent"
	case k == loseReply && c.toStripe():
		return "never gets Stripe's answer"
	case k == loseReply:
		return c.asks() + ": it is done, but the answer is lost"
	case c.toStripe():
		return "gives up waiting for Stripe; its request goes on"
	}
	return c.asks() + ", and gives up waiting; the call goes on"
}

// event is what a run tells when a call is answered like this.
func (c call) event(a answer) timeline.Event {
	e := timeline.Event{PaymentIntent: intentName(c.intent)}
	switch a.outcome {
	case ok, declined, unknown, notSent: // the event's name says it
	default:
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
	case a.outcome == unknown:
		return ": the key brings back an error"
	case a.outcome != ok:
		return ": " + a.outcome.err().Error()
	case c.op == prepare:
		return ": " + intentName(a.intent) + " is there, and has taken nothing yet"
	case c.takesMoney():
		return ": it has been carried out already, and nothing more is taken"
	}
	return "" // it was the ledger's, and late
}

func ordinal(w *world) string {
	charges, _ := w.counts()
	return fmt.Sprintf("number %d", charges)
}

// hurt says what goes wrong with a server.
func (s *server) hurt(k kind) string {
	switch k {
	case expire:
		if s.trusts {
			return "stands still for longer than its lease lasts"
		}
		return "stands still for longer than its claim lasts"
	case crash:
		return "is killed; what it has sent goes on"
	case dropAndCrash:
		return "is killed, and what it has sent never arrives"
	case failBefore:
		return "Stripe answers its request with a 500, which it saves, and does nothing"
	case failAfter:
		return "Stripe does what it asks, and answers with a 500, which it saves"
	}
	return "can't reach the ledger any longer, until its run is over"
}

// elsewhere says what happens in a move that is no server's.
func (t *teller) elsewhere(m move) (string, timeline.Event) {
	node, nodes := "Redis", "" // there is one
	if t.nodes == fiveNodes {
		node, nodes = fmt.Sprintf("Redis node %d of 5", m.who+1), "1 of 5 nodes"
	}
	switch m.kind {
	case endLease:
		return "The lease of a server that is gone expires", timeline.Event{}
	case endClaim:
		return "The claim of a server that is gone expires", timeline.Event{}
	case endPause:
		return "It is time for the next attempt", timeline.Event{}
	case redisUp:
		return node + " is back", timeline.Event{}
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
		return node + " loses all it had", timeline.Event{
			Name: timeline.RedisRestarted, Reason: nodes,
		}
	}
	return node + " dies", timeline.Event{Name: timeline.RedisDown, Reason: nodes}
}
