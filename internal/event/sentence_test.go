package event_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"example.com/triplecharge/internal/event"
)

// An error or a reason that stands for itself shows where a sentence has it.
var full = event.Event{
	Server: "server-a", Invoice: "alice/2026-12", Key: "lock", Value: "server-a:…", TTLMS: 5000,
	AmountMinor: 1000, Currency: "usd", Token: 7, Generation: 2, Reason: "reason",
}

func TestEveryKindHasASentence(t *testing.T) {
	t.Parallel()
	for _, kind := range event.Kinds() {
		for _, failure := range []string{"", "no connection"} {
			e := full
			e.Kind, e.Error = kind, failure
			got := e.Sentence("Alice")
			redis := strings.HasSuffix(got, "→ OK") || strings.HasSuffix(got, "→ (nil)")
			if !redis && !strings.HasSuffix(got, ".") || strings.ContainsAny(got, "{}") {
				t.Errorf("%s: %q is no sentence", kind, got)
			}
			carries := slices.Contains(kind.Fields(), "error")
			told := strings.Contains(got, ": no connection")
			if told != (carries && failure != "") {
				t.Errorf("%s with the error %q: got %q", kind, failure, got)
			}
		}
	}
}

// A field in the table is a field of Event, or one that only people read.
func TestTheFieldsOfAKindAreFieldsOfEvent(t *testing.T) {
	t.Parallel()
	known := []string{
		"period", "billed", "already_billed", "skipped", "declined", "failed", "held_ms",
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[event.Event]()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		known = append(known, name)
	}
	for _, kind := range event.Kinds() {
		for _, field := range kind.Fields() {
			if !slices.Contains(known, field) {
				t.Errorf("%s: no event has the field %s", kind, field)
			}
		}
	}
}

func TestSentences(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind          event.Kind
		reason, error string
		want          string
	}{
		{event.LeaseObtained, "", "", "SET lock server-a:… NX PX 5000 → OK"},
		{event.LeaseHeld, "", "", "SET lock server-a:… NX PX 5000 → (nil)"},
		{event.ClaimTaken, "", "", "Took the claim, generation 2."},
		{event.FenceIssued, "", "", "Got fencing token 7."},
		{event.ChargeSucceeded, "", "", "Charged Alice $10.00."},
		{event.StripeCharged, "", "", "Took $10.00 from Alice for server-a."},
		{event.InvoiceSkipped, "skipped", "", "Someone else is billing Alice. Skipping."},
		{event.InvoiceSkipped, "already billed", "",
			"The ledger says Alice is already billed. Skipping."},
		{event.LeaseReleased, "", "EOF", "Could not release the lease: EOF."},
		{event.ChargeDeclined, "", "charge alice/2026-12: card declined: expired card",
			"The card was declined: expired card."},
		{event.ChargeDeclined, "", "card declined", "The card was declined."},
		{event.InvoiceFailed, "", "card declined", "Could not bill Alice: card declined."},
		{event.RedisDown, "2 of 5 nodes", "", "Redis is down: 2 of 5 nodes."},
		{"another.kind", "", "EOF", "another.kind: EOF."},
	} {
		e := full
		e.Kind, e.Reason, e.Error = test.kind, test.reason, test.error
		if got := e.Sentence("Alice"); got != test.want {
			t.Errorf("%s: got %q, want %q", test.kind, got, test.want)
		}
	}
}
