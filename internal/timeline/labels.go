package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/money"
)

// label is text above a lane.
type label struct {
	at    float64 // the x of its middle, if there is room
	words string
	class string
	left  float64 // the x at which it was placed
	row   int     // its row above the line, from 0
}

// The average width of a letter, in pixels: in a label, and in bold.
const (
	glyph     = 6.9
	glyphBold = 8.2
)

// width estimates the label's width, in pixels.
func (l label) width() float64 {
	letters := float64(utf8.RuneCountInString(l.words))
	if l.class == alarm {
		return glyphBold * letters
	}
	return glyph * letters
}

// The classes of labels.
const (
	rest  = "rest"  // something went as it should
	alarm = "alarm" // something went wrong
)

// placed puts labels into rows so that none covers another.
func (s *sheet) placed(labels []label) []label {
	slices.SortStableFunc(labels, func(a, b label) int { return cmp.Compare(a.at, b.at) })
	var ends []float64 // of the rows so far
	for i := range labels {
		l := &labels[i]
		wide := l.width()
		l.left = max(s.left-glyph, min(l.at-wide/2, float64(s.width)-4-wide))
		for l.row < len(ends) && ends[l.row]+glyph > l.left {
			l.row++
		}
		if l.row == len(ends) {
			ends = append(ends, 0)
		}
		ends[l.row] = l.left + wide
	}
	return labels
}

// labels returns a lane's labels, not yet placed.
func (s *sheet) labels(lane Lane) []label {
	var labels []label
	for i, step := range lane.Steps {
		if words, class := lane.caption(i); words != "" {
			at := s.x(step.To)
			if slices.Contains([]Kind{Pause, Cut, Hold}, step.Kind) {
				at = (s.x(step.From) + s.x(step.To)) / 2
			}
			labels = append(labels, label{at: at, words: words, class: class})
		}
	}
	return labels
}

// caption returns the label of a lane's i-th step and its class. The label is "" if the step's
// shape or another lane already says it.
func (l Lane) caption(i int) (words, class string) {
	s := l.Steps[i]
	e := s.Event
	switch s.Kind {
	case Obtain:
		return "lease", rest
	case Lose:
		return "lease lost", alarm
	case Claim:
		return "claim", rest
	case Token:
		return fmt.Sprintf("token %d", e.Token), rest
	case Prepare:
		return "prepares", rest
	case Register:
		return "registers", rest
	case Answer:
		return "already paid", rest
	case Skip:
		return map[bool]string{true: "skips", false: "already billed"}[e.Reason == "skipped"], rest
	case Fail:
		return l.failure(i)
	case Pause:
		return "paused", ""
	case Kill:
		return "killed", alarm
	case Start:
		return "restarted", ""
	case Cut:
		return "can't reach " + e.Reason, ""
	case Hold:
		return e.Server, ""
	case Expire:
		return "expired", alarm
	case Break:
		return strings.TrimSpace("down " + e.Reason), alarm
	case Restart:
		if e.Kind == event.RedisReplaced || e.Kind == event.LedgerReplaced {
			return "replaced", alarm
		}
		return strings.TrimSpace("empty " + e.Reason), alarm
	case Take:
		amount := money.Amount(e.AmountMinor, e.Currency)
		if s.Nth > 1 {
			return fmt.Sprintf("charge %d: %s", s.Nth, amount), alarm
		}
		return amount, ""
	case Record:
		if l.Name == Ledger {
			return "entry", ""
		}
	case Refuse:
		return "refuses " + e.Server, alarm
	case Pass:
		return e.Reason, ""
	case Replace:
		return "new card", ""
	case Act:
		return "by hand", ""
	}
	return "", ""
}

// failure returns the label of a failed step and its class.
func (l Lane) failure(i int) (words, class string) {
	switch name := l.Steps[i].Event.Kind; name {
	case event.ChargeDeclined:
		words = "declined"
	case event.ChargeUnknown:
		words = "unknown"
	case event.ChargeNotSent:
		words = "not sent"
	case event.IntentCanceled:
		words = "canceled"
	case event.LeaseFailed:
		words = "no lease"
	case event.LedgerFailed:
		words = "not recorded"
	case event.LedgerRefused:
		words = "refused"
	default:
		if !l.repeats(i) {
			words = "failed"
		}
	}
	return words, alarm
}
