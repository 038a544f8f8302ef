package timeline_test

import (
	"strings"
	"testing"
	"time"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/timeline"
)

func TestALineSaysWhereItHappened(t *testing.T) {
	t.Parallel()
	for kind, want := range map[event.Kind]string{
		event.ChargeSent: "server-a", event.StripeCharged: timeline.Stripe,
		event.PersonActed: timeline.Stripe, event.LedgerReplaced: timeline.Ledger,
		event.ClaimExpired: timeline.Ledger, event.RedisClockJumped: timeline.Redis,
		event.LeaseExpired: timeline.Redis,
	} {
		e := event.Event{Time: time.Unix(0, 0), Kind: kind, Server: "server-a"}
		p := timeline.Draw("alice/2026-12", []string{"server-a"}, []event.Event{e})
		lines := p.Lines([]event.Event{e}, "Alice")
		if len(lines) != 1 || lines[0].Who != want {
			t.Errorf("%s: %+v, want it at %s", kind, lines, want)
		}
	}
}

// An event of the harness that names no server is at a store.
func TestNoLineIsNowhere(t *testing.T) {
	t.Parallel()
	for _, kind := range event.Kinds() {
		about, _, _ := strings.Cut(string(kind), ".")
		if !kind.Outside() || about == "server" || about == "link" {
			continue // of a server
		}
		events := []event.Event{{Time: time.Unix(0, 0), Kind: kind}}
		p := timeline.Draw("alice/2026-12", nil, events)
		if lines := p.Lines(events, "Alice"); lines[0].Who == "" {
			t.Errorf("%s has no place", kind)
		}
	}
}
