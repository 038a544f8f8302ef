package timeline

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/money"
)

// sentences describes what a server did and what happened to it: one line for each command to
// Redis, then one for the rest. name is the customer's.
func (l Lane) sentences(name string) []string {
	var commands, rest []string
	for i, s := range l.Steps {
		switch sentence := l.sentence(i, name); {
		case s.Kind == Obtain || s.Kind == Held && s.Event.Key != "":
			commands = append(commands, sentence)
		case sentence != "":
			rest = append(rest, sentence)
		}
	}
	if len(rest) == 0 {
		rest = []string{"Did nothing."}
	}
	return append(commands, strings.Join(rest, " "))
}

// sentence describes a lane's i-th step, "" if another sentence has covered it.
func (l Lane) sentence(i int, name string) string {
	s := l.Steps[i]
	before, after := l.Steps[:i], l.Steps[i+1:]
	switch s.Kind {
	case Release:
		return ""
	case Charge:
		if has(after, Record) {
			return strings.TrimSuffix(s.Event.Sentence(name), ".") + " and recorded it."
		}
	case Answer:
		return answered(s.Event, name)
	case Hear:
		if n := count(after, Hear) + 1; has(before, Hear) {
			return ""
		} else if n > 1 {
			return fmt.Sprintf("Got Stripe's events: %s has paid %s %d times.", name,
				money.Amount(s.Event.AmountMinor, s.Event.Currency), n)
		}
	case Record:
		if has(before, Charge) || has(before, Record) {
			return ""
		}
	case Resend:
		switch n := count(after, Resend) + 1; {
		case has(before, Resend):
			return ""
		case n == 1:
			return "Sent the charge again."
		default:
			return fmt.Sprintf("Sent the charge again %d times.", n)
		}
	case Pause:
		if !s.Open {
			return fmt.Sprintf("Was paused for %s.", duration(s.To-s.From))
		}
		return "Is paused."
	case Cut:
		if !s.Open {
			return fmt.Sprintf("Could not reach %s for %s.", s.Event.Reason, duration(s.To-s.From))
		}
	case Fail:
		if l.repeats(i) {
			return ""
		}
	}
	return s.Event.Sentence(name)
}

// answered is the sentence for a success that took no money, since another request had taken it.
func answered(e event.Event, name string) string {
	return fmt.Sprintf("Stripe answered that %s has already paid %s.", name,
		money.Amount(e.AmountMinor, e.Currency))
}

// Sentence describes an event of the picture by itself. It says that a server charged only if its
// request is the one that took the money.
func (p Picture) Sentence(e event.Event, name string) string {
	is := func(s Step) bool { return s.Kind == Answer && s.Event == e }
	for _, l := range p.Lanes {
		if slices.ContainsFunc(l.Steps, is) {
			return answered(e, name)
		}
	}
	return e.Sentence(name)
}

// repeats reports whether the i-th step says only that the invoice failed, and an earlier step has
// said why.
func (l Lane) repeats(i int) bool {
	return l.Steps[i].Event.Kind == event.InvoiceFailed && has(l.Steps[:i], Fail)
}

func has(steps []Step, kind Kind) bool { return count(steps, kind) > 0 }

func count(steps []Step, kind Kind) (n int) {
	for _, s := range steps {
		if s.Kind == kind {
			n++
		}
	}
	return n
}

// duration formats a time for people: milliseconds below a second, seconds above.
func duration(d time.Duration) string {
	if d < time.Second {
		return milliseconds(d)
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// storeSentences describes what happened at a store; "" if the servers' sentences cover it.
func (l Lane) storeSentences(name string) string {
	var sentences, servers []string
	var amount string
	for _, s := range l.Steps {
		switch s.Kind {
		case Expire, Break, Restart, Pass, Replace, Act:
			sentences = append(sentences, s.Event.Sentence(name))
		case Refuse:
			sentences = append(sentences, fmt.Sprintf("Refused %s's entry.", s.Event.Server))
		case Take:
			servers = append(servers, s.Event.Server)
			amount = money.Amount(s.Event.AmountMinor, s.Event.Currency)
		}
	}
	slices.Sort(servers) // the order of simultaneous charges means nothing
	switch taken := strings.Join(servers, ", for "); len(servers) {
	case 0:
	case 1:
		sentences = append(sentences, fmt.Sprintf("Took %s for %s.", amount, taken))
	default:
		sentences = append(sentences,
			fmt.Sprintf("Took %s %d times: for %s.", amount, len(servers), taken))
	}
	return strings.Join(sentences, " ")
}

// Line is an event in words, for a reader who steps through a run.
type Line struct {
	After string `json:"after"` // the time since the picture's beginning
	Who   string `json:"who"`   // the server or the store that it happened at
	Words string `json:"words"`
}

// Lines describes the picture's events. name is the customer's.
func (p Picture) Lines(events []event.Event, name string) (lines []Line) {
	for _, e := range events {
		// The first events may be earlier than the picture's beginning.
		after := max(0, e.Time.Sub(p.Began)).Round(time.Millisecond)
		lines = append(lines, Line{
			After: fmt.Sprintf("%d ms", after.Milliseconds()), Who: who(e),
			Words: p.Sentence(e, name),
		})
	}
	return lines
}

func who(e event.Event) string {
	switch e.Kind {
	case event.StripeCharged, event.StripeAdvanced, event.CardReplaced, event.PersonActed:
		return Stripe
	case event.ClaimExpired, event.LedgerReplaced:
		return Ledger
	case event.LeaseExpired, event.RedisDown, event.RedisRestarted, event.RedisReplaced,
		event.RedisClockJumped:
		return Redis
	}
	return e.Server
}
