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
		if c := lane.caption(i); c.words != "" {
			at := s.x(step.To)
			if slices.Contains([]Kind{Pause, Cut, Hold}, step.Kind) {
				at = (s.x(step.From) + s.x(step.To)) / 2
			}
			labels = append(labels, label{at: at, words: c.words, class: c.class})
		}
	}
	return labels
}

// caption is the label of a step and its class.
type caption struct{ words, class string }

// captions are those that are the same for all steps of a kind.
func captions() map[Kind]caption {
	return map[Kind]caption{
		Obtain: {"lease", rest}, Lose: {"lease lost", alarm}, Claim: {"claim", rest},
		Prepare: {"prepares", rest}, Register: {"registers", rest},
		Answer: {"already paid", rest}, Pause: {"paused", ""}, Kill: {"killed", alarm},
		Start: {"restarted", ""}, Expire: {"expired", alarm}, Replace: {"new card", ""},
		Act: {"by hand", ""},
	}
}

// caption returns the caption of a lane's i-th step. It has no words if the step's shape or another
// lane already says it.
func (l Lane) caption(i int) caption {
	s := l.Steps[i]
	e := s.Event
	switch s.Kind {
	case Token:
		return caption{fmt.Sprintf("token %d", e.Token), rest}
	case Skip:
		if e.Reason == "skipped" {
			return caption{"skips", rest}
		}
		return caption{"already billed", rest}
	case Fail:
		return caption{l.failure(i), alarm}
	case Cut:
		return caption{"can't reach " + e.Reason, ""}
	case Hold:
		return caption{e.Server, ""}
	case Break:
		return caption{strings.TrimSpace("down " + e.Reason), alarm}
	case Restart:
		if e.Kind == event.RedisReplaced || e.Kind == event.LedgerReplaced {
			return caption{"replaced", alarm}
		}
		return caption{strings.TrimSpace("empty " + e.Reason), alarm}
	case Take:
		amount := money.Amount(e.AmountMinor, e.Currency)
		if s.Nth > 1 {
			return caption{fmt.Sprintf("charge %d: %s", s.Nth, amount), alarm}
		}
		return caption{amount, ""}
	case Record:
		if l.Name == Ledger {
			return caption{"entry", ""}
		}
	case Refuse:
		return caption{"refuses " + e.Server, alarm}
	case Pass:
		return caption{e.Reason, ""}
	}
	return captions()[s.Kind]
}

// failure returns the label of a failed step.
func (l Lane) failure(i int) string {
	words := map[event.Kind]string{
		event.ChargeDeclined: "declined", event.ChargeUnknown: "unknown",
		event.ChargeNotSent: "not sent", event.IntentCanceled: "canceled",
		event.LeaseFailed: "no lease", event.LedgerFailed: "not recorded",
		event.LedgerRefused: "refused",
	}[l.Steps[i].Event.Kind]
	if words == "" && !l.repeats(i) {
		words = "failed"
	}
	return words
}
