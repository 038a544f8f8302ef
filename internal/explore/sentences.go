package explore

import (
	"cmp"
	"fmt"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/money"
)

func (c call) asks() string {
	switch c.op {
	case obtain, obtainFenced:
		return "asks Redis for the lease"
	case checkValid:
		return "checks that the lease is still valid"
	case release:
		return "releases the lease"
	case charged:
		return "asks the ledger whether the invoice is charged"
	case record, recordFenced:
		return "records the charge " + intentName(c.intent)
	case highest:
		return "asks the ledger for the highest fencing token"
	case raise:
		return fmt.Sprintf("raises the ledger's fencing token to %d", c.n)
	case take, takeFinal:
		return "asks the ledger for the claim"
	case register:
		if c.old != 0 {
			return "registers " + intentName(c.intent) + " instead of " + intentName(c.old)
		}
		return "registers " + intentName(c.intent)
	case postpone:
		return "returns the claim until the next attempt"
	case giveBack:
		return "returns the claim at once"
	case charge:
		return "charge Alice " + c.terms.amount() + withKey(c)
	case prepare:
		return "prepare a PaymentIntent of " + c.terms.amount() + withKey(c)
	case cancel:
		return "cancel " + intentName(c.intent)
	case confirm:
		return "confirm " + intentName(c.intent) + withKey(c)
	}
	return ""
}

func (t terms) minor() int64 { return invoice(oldCard, t).Subscription.AmountMinor }

// amount returns what the terms ask, and of whom if that isn't Alice.
func (t terms) amount() string {
	sub := invoice(oldCard, t).Subscription
	asks := money.Amount(sub.AmountMinor, sub.Currency)
	if t&anotherCustomer != 0 {
		asks += " from another customer"
	}
	return asks
}

func withKey(c call) string {
	if c.key == 0 {
		return ", with its own key"
	}
	return ", with the mode's key"
}

func (c call) answered(a answer) string {
	switch {
	case c.op == checkValid && a.outcome == lost:
		return "no"
	case a.outcome == unknown:
		return "an error; the outcome is unknown"
	case a.outcome != ok:
		return a.outcome.err().Error()
	}
	switch c.op {
	case checkValid:
		return "yes"
	case charged:
		if a.yes {
			return "yes"
		}
		return "no"
	case highest:
		return fmt.Sprint(a.n)
	case obtainFenced:
		return fmt.Sprintf("OK, with token %d", a.n)
	case take, takeFinal:
		if a.intent == 0 {
			return fmt.Sprintf("OK, generation %d", a.n)
		}
		return fmt.Sprintf("OK, generation %d, with %s", a.n, intentName(a.intent))
	case register:
		if a.intent != c.intent {
			return "too late: " + intentName(a.intent) + " is registered"
		}
	case charge, confirm, cancel:
		return intentName(a.intent) + " succeeded"
	case prepare:
		return intentName(a.intent) + " is prepared"
	}
	return "OK"
}

// unanswered describes a fault that leaves a call without an answer.
func (c call) unanswered(k kind) string {
	switch {
	case k == refuse:
		return "can't reach Stripe: nothing is sent"
	case k == loseReply && c.toStripe():
		return "never gets Stripe's reply"
	case k == loseReply:
		return c.asks() + ": done, but the reply is lost"
	case c.toStripe():
		return "stops waiting for Stripe; its request stays in flight"
	}
	return c.asks() + ", and stops waiting; the call stays in flight"
}

// event returns what a real run logs when a call gets this answer; an empty event if nothing.
func (c call) event(a answer) event.Event {
	e := event.Event{PaymentIntent: intentName(c.intent)}
	switch a.outcome {
	case ok, declined, unknown, notSent, canceled: // the event's kind is enough
	default:
		e.Error = a.outcome.err().Error()
	}
	switch c.op {
	case obtain, obtainFenced:
		e.Kind = cmp.Or(map[outcome]event.Kind{
			ok: event.LeaseObtained, held: event.LeaseHeld,
		}[a.outcome], event.LeaseFailed)
		e.Value, e.TTLMS = "server:…", 5000
	case release:
		e.Kind = event.LeaseReleased
	case record, recordFenced:
		e.Kind = cmp.Or(map[outcome]event.Kind{
			ok: event.LedgerRecorded, stale: event.LedgerRefused,
		}[a.outcome], event.LedgerFailed)
	case take, takeFinal:
		e.Kind = map[outcome]event.Kind{ok: event.ClaimTaken, taken: event.ClaimHeld}[a.outcome]
		e.Generation = int64(a.n)
	case register, postpone, giveBack, raise:
		if a.outcome == ok {
			e.Kind = map[op]event.Kind{
				register: event.ClaimRegistered, postpone: event.ClaimPostponed,
				giveBack: event.ClaimReturned, raise: event.FenceIssued,
			}[c.op]
			e.Token = int64(c.n)
		}
	case prepare:
		e.Kind = event.IntentFailed
		if a.outcome == ok {
			e.Kind, e.PaymentIntent = event.IntentPrepared, intentName(a.intent)
		}
	case charge, confirm, cancel:
		e.Kind = cmp.Or(map[outcome]event.Kind{
			ok: event.ChargeSucceeded, declined: event.ChargeDeclined,
			notSent: event.ChargeNotSent, tooLate: event.ChargeNotSent,
			canceled: event.IntentCanceled,
		}[a.outcome], event.ChargeUnknown)
		e.PaymentIntent, e.AmountMinor, e.Currency = intentName(a.intent), c.terms.minor(), "usd"
	}
	return e
}

// does describes what happens if a request is executed now.
func (w *world) does(c call) string {
	after := *w
	var nobody server
	a := after.execute(&nobody, c, noFailure)
	switch {
	case after.charges != w.charges:
		charges, _ := after.counts()
		return fmt.Sprintf(": Alice is charged, charge number %d", charges)
	case a.outcome == unknown:
		return ": Stripe repeats the error saved under its key"
	case a.outcome != ok:
		return ": " + a.outcome.err().Error()
	case c.op == prepare:
		return ": " + intentName(a.intent) + " exists and has taken no money yet"
	case c.takesMoney():
		return ": it was executed before, so no more money is taken"
	}
	return "" // a late call of the ledger
}

func (s *server) fault(k kind) string {
	if k == expire && s.valid {
		return "is paused until its lease has expired"
	}
	return map[kind]string{
		expire:       "is paused until its claim has expired",
		crash:        "is killed; its request stays in flight",
		dropAndCrash: "is killed, and its request never arrives",
		failBefore:   "Stripe doesn't execute its request, and saves a 500 as the reply",
		failAfter:    "Stripe executes its request, and saves a 500 as the reply",
		cut:          "can't reach the ledger until its run is over",
	}[k]
}

// elsewhere describes a move that concerns no server.
func (t *narrator) elsewhere(m move) (string, event.Event) {
	node, nodes := "Redis", "" // there is one
	if t.nodes == fiveNodes {
		node, nodes = fmt.Sprintf("Redis node %d of 5", m.who+1), "1 of 5 nodes"
	}
	if m.kind == changeAmount || m.kind == moveCustomer {
		after := t.world // a copy
		after.happen(m)
		return "The subscription changes: " + after.terms.amount(), event.Event{}
	}
	intent := intentName(m.who)
	moves := map[kind]struct {
		text string
		e    event.Event
	}{
		endLease:     {text: "The lease of a server that is gone expires"},
		endClaim:     {text: "The claim of a server that is gone expires"},
		endPause:     {text: "It is time for the next attempt"},
		redisUp:      {text: node + " is back"},
		replaceCard:  {"Alice adds another card", event.Event{Kind: event.CardReplaced}},
		acceptAgain:  {text: "Alice's card is accepted again"},
		decline:      {text: "Alice's card is declined from here on"},
		cancelIntent: {text: "A person cancels " + intent + " at the Dashboard"},
		payByHand:    {text: "Alice pays " + intent + " by hand"},
		recoveryRun: {text: "All faults are over, leases and claims expire; a fresh server makes " +
			"a recovery run"},
		hear: {"Stripe's event of " + intent + " comes, and is recorded",
			event.Event{Kind: event.LedgerRecorded}},
		forget: {"A day passes: Stripe forgets a key",
			event.Event{Kind: event.StripeAdvanced, Reason: "25 hours pass"}},
		ledgerForgets: {"A replica without the last commits takes the ledger's place", event.Event{
			Kind: event.LedgerReplaced, Reason: "to a standby without the last commits"}},
		clockJumps: {node + "'s clock jumps, and its leases expire",
			event.Event{Kind: event.RedisClockJumped, Reason: nodes}},
		redisEmpty: {node + " restarts empty",
			event.Event{Kind: event.RedisRestarted, Reason: nodes}},
		redisDown: {node + " dies", event.Event{Kind: event.RedisDown, Reason: nodes}},
	}
	return moves[m.kind].text, moves[m.kind].e
}
