package timeline

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/triplecharge/billing"
)

// words tells what a server did and what happened to it, as one would tell it: what it asked Redis
// for on lines of its own, the rest on another. name is what the customer is called.
func (l Lane) words(name string) []string {
	var asked, did []string
	for i, s := range l.Steps {
		switch said := l.sentence(i, name); {
		case s.Kind == Obtain || s.Kind == Held && s.Event.Key != "":
			asked = append(asked, said)
		case said != "":
			did = append(did, said)
		}
	}
	if len(did) == 0 {
		did = []string{"Did nothing."}
	}
	return append(asked, strings.Join(did, " "))
}

// sentence tells of a lane's i-th step, if it is news.
func (l Lane) sentence(i int, name string) string {
	s := l.Steps[i]
	switch s.Kind {
	case Charge, Answer:
		return l.charged(i, name)
	case Record:
		if slices.ContainsFunc(l.Steps[:i], func(s Step) bool {
			return s.Kind == Charge || s.Kind == Answer
		}) {
			return "" // said with the charge
		}
		return "Wrote it down."
	case Register:
		return "" // said with the preparation
	case Release:
		return ""
	case Again:
		if i > 0 && l.Steps[i-1].Kind == Again {
			return "" // said with the first
		}
		n := 1
		for _, later := range l.Steps[i+1:] {
			if later.Kind == Again {
				n++
			}
		}
		if n == 1 {
			return "Sent the charge again."
		}
		return fmt.Sprintf("Sent the charge again, %d times.", n)
	case Stand:
		if s.Open {
			return "Stands still."
		}
		return fmt.Sprintf("Stood still for %s.", duration(s.To-s.From))
	case Cut:
		if s.Open {
			return fmt.Sprintf("Can't reach %s.", s.Event.Reason)
		}
		return fmt.Sprintf("Could not reach %s for %s.", s.Event.Reason, duration(s.To-s.From))
	case Fail:
		// That an invoice failed is news only if nothing has said why.
		if s.Event.Name == "invoice.failed" && failed(l.Steps[:i]) {
			return ""
		}
	}
	return s.Event.Words(name)
}

// charged tells of a charge, and whether it was written down.
func (l Lane) charged(i int, name string) string {
	s := l.Steps[i]
	said := s.Event.Words(name)
	if s.Kind == Answer {
		said = fmt.Sprintf("Was told that %s has paid %s.", name,
			Money(s.Event.AmountMinor, s.Event.Currency))
	}
	if slices.ContainsFunc(l.Steps[i+1:], func(s Step) bool { return s.Kind == Record }) {
		return strings.TrimSuffix(said, ".") + ", wrote it down."
	}
	return said
}

func failed(steps []Step) bool {
	return slices.ContainsFunc(steps, func(s Step) bool { return s.Kind == Fail })
}

// Words tells of an event in a sentence, in the lesson's own words. name is what the customer is
// called. An event that is not known is told by its name.
func (e Event) Words(name string) string {
	if e.Server == "" || outside(e.Name) {
		return e.outside(name)
	}
	amount := Money(e.AmountMinor, e.Currency)
	switch e.Name {
	case "server.listening":
		return "Is up."
	case "run.started":
		return "Midnight: starts its due run."
	case "run.finished":
		return "Has finished its due run."
	case "lease.obtained":
		return e.set() + " → OK"
	case "lease.held":
		return e.set() + " → (nil)"
	case "lease.renewed":
		return "Renewed the lease."
	case "lease.lost":
		return "Lost the lease."
	case "lease.released":
		if e.Error != "" {
			return because("Could not release the lease", e.Error)
		}
		return "Released the lease."
	case "claim.taken":
		return "Took the claim" + numbered(", generation ", e.Generation) + "."
	case "claim.held":
		return "Found the claim taken."
	case "claim.registered":
		return "Registered its PaymentIntent in the ledger."
	case "claim.postponed":
		return "Put the claim off."
	case "fence.issued":
		return "Got the fencing token" + numbered(" ", e.Token) + "."
	case "intent.prepared":
		return "Prepared a PaymentIntent."
	case "charge.sent":
		if e.AmountMinor == 0 {
			return "Sent the charge."
		}
		return fmt.Sprintf("Sent the charge of %s.", amount)
	case "charge.succeeded":
		return fmt.Sprintf("Charged %s %s.", name, amount)
	case "ledger.recorded":
		return "Wrote the charge down."
	case "invoice.skipped":
		return skipped(e.Reason, name)
	case "charge.declined":
		return because("The card was declined", e.why("card declined"))
	case "charge.unknown":
		return because("Outcome unknown", e.why("outcome unknown"))
	case "charge.not_sent":
		return because("Did not send the charge", e.why("charge not sent"))
	case "lease.failed":
		return because("Got no answer about the lease", e.Error)
	case "intent.failed":
		return because("Could not prepare a PaymentIntent", e.Error)
	case "ledger.failed":
		return because("Could not write the charge down", e.Error)
	case "ledger.refused":
		return because("The ledger refused the entry", e.Error)
	case "invoice.failed":
		return because("Could not bill "+name, e.Error)
	}
	return because(e.Name, e.Error)
}

// why is what an event's error says behind the outcome that its name has told already.
func (e Event) why(outcome string) string {
	if _, behind, found := strings.Cut(e.Error, outcome+": "); found {
		return behind
	}
	return e.Error
}

// outside tells of an event that happens outside the servers.
func (e Event) outside(name string) string {
	switch e.Name {
	case ServerPaused:
		return "Stands still."
	case ServerResumed:
		return "Goes on."
	case ServerKilled:
		return "Was killed."
	case ServerStarted:
		return "Was started again."
	case StripeCharged:
		return fmt.Sprintf("Took %s from %s, for %s.", Money(e.AmountMinor, e.Currency), name,
			e.Server)
	case StripeAdvanced:
		return because("A long time passes", e.Reason)
	case CardReplaced:
		return name + " has another card."
	case LeaseExpired:
		return "The lease is gone."
	case ClaimExpired:
		return "The claim has run out."
	case RedisDown:
		return because("Redis is dead", e.Reason)
	case RedisRestarted:
		return because("Redis is up again, empty", e.Reason)
	case RedisReplaced:
		return because("Redis was replaced", e.Reason)
	case LinkCut:
		return fmt.Sprintf("Can't reach %s.", e.Reason)
	case LinkHealed:
		return fmt.Sprintf("Can reach %s again.", e.Reason)
	}
	return because(e.Name, e.Reason)
}

func because(what, reason string) string {
	if reason == "" {
		return what + "."
	}
	return what + ": " + reason + "."
}

// numbered is the number behind the words, or nothing if there is none.
func numbered(words string, n int64) string {
	if n == 0 {
		return ""
	}
	return words + fmt.Sprint(n)
}

// set is the command that asks Redis for the lease.
func (e Event) set() string {
	return fmt.Sprintf("SET %s %s NX PX %d", e.Key, e.Value, e.TTLMS)
}

func skipped(reason, name string) string {
	if reason == string(billing.Skipped) {
		return fmt.Sprintf("Someone else is billing %s. Skipping.", name)
	}
	return fmt.Sprintf("The ledger says %s is billed. Skipping.", name)
}

// duration writes how long something took, as people would.
func duration(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// storeWords tells what happened at a store, "" if a server's words tell it all.
func (l Lane) storeWords(name string) string {
	var said, servers []string
	var amount string
	for _, s := range l.Steps {
		switch s.Kind {
		case Expire, Break, Restart, Pass, Replace:
			said = append(said, s.Event.Words(name))
		case Refuse:
			said = append(said, fmt.Sprintf("Refused the entry of %s.", s.Event.Server))
		case Take:
			servers = append(servers, s.Event.Server)
			amount = Money(s.Event.AmountMinor, s.Event.Currency)
		}
	}
	if len(servers) > 0 {
		slices.Sort(servers) // the order of those that came at once says nothing
		said = append(said, fmt.Sprintf("Took %s%s for %s.", amount, times(len(servers)),
			strings.Join(servers, ", for ")))
	}
	return strings.Join(said, " ")
}

// times says how often, if it is more than once.
func times(n int) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf(" %d times:", n)
}
