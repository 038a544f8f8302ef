package timeline

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// label is words at a place of a lane.
type label struct {
	at    float64 // the middle of what it is about
	words string
	class string
	left  float64 // where it was placed
	row   int     // above the line, from 0 on
}

// How wide a letter of a label is on the average, in pixels, and one of an alarm.
const (
	glyph     = 6.9
	glyphBold = 8.2
)

// width is about how wide the label is, in pixels.
func (l label) width() float64 {
	letters := float64(utf8.RuneCountInString(l.words))
	if l.class == alarm {
		return glyphBold * letters
	}
	return glyph * letters
}

// The classes of labels.
const (
	rest  = "rest"  // what is as it should be
	alarm = "alarm" // what is not
)

// placed puts labels into rows, so that none covers another.
func (s *sheet) placed(labels []label) []label {
	slices.SortStableFunc(labels, func(a, b label) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	var ends []float64 // of the rows so far
	for i := range labels {
		l := &labels[i]
		wide := l.width()
		l.left = max(s.left-glyph, min(l.at-wide/2, svgWidth-4-wide))
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

// labels are what is written along a lane.
func (s *sheet) labels(lane Lane) []label {
	var labels []label
	for i, step := range lane.Steps {
		if words, class := lane.caption(i); words != "" {
			at := s.x(step.To)
			if slices.Contains([]Kind{Stand, Cut, Hold}, step.Kind) {
				at = (s.x(step.From) + s.x(step.To)) / 2
			}
			labels = append(labels, label{at: at, words: words, class: class})
		}
	}
	return labels
}

// caption is what is written at a lane's i-th step, and its class. Much needs no words, as its
// shape or another lane says it.
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
		return "token" + numbered(" ", e.Token), rest
	case Prepare:
		return "prepares", rest
	case Answer:
		return "paid already", rest
	case Skip:
		return map[bool]string{true: "skips", false: "is billed: skips"}[e.Reason == "skipped"], rest
	case Fail:
		return l.failure(i)
	case Stand:
		return "stands still", ""
	case Kill:
		return "killed", alarm
	case Start:
		return "started again", ""
	case Cut:
		return "can't reach " + e.Reason, ""
	case Hold:
		return e.Server, ""
	case Expire:
		return "gone", alarm
	case Break:
		return strings.TrimSpace("dead " + e.Reason), alarm
	case Restart:
		if e.Name == RedisReplaced {
			return "replaced", alarm
		}
		return strings.TrimSpace("empty " + e.Reason), alarm
	case Take:
		if s.Nth > 1 {
			return fmt.Sprintf("charge %d: %s", s.Nth, Money(e.AmountMinor, e.Currency)), alarm
		}
		return Money(e.AmountMinor, e.Currency), ""
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
	}
	return "", ""
}

// failure is what is written at something that went wrong, once.
func (l Lane) failure(i int) (words, class string) {
	switch name := l.Steps[i].Event.Name; name {
	case "charge.declined":
		words = "declined"
	case "charge.unknown":
		words = "unknown"
	case "charge.not_sent":
		words = "not sent"
	case "lease.failed":
		words = "no lease"
	case "ledger.failed":
		words = "not recorded"
	case "ledger.refused":
		words = "refused"
	default:
		if !failed(l.Steps[:i]) {
			words = "failed"
		}
	}
	return words, alarm
}
