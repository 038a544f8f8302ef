package timeline

import (
	"fmt"
	"time"

	"example.com/triplecharge/internal/event"
)

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

// who returns the server or the store that the event happened at.
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
