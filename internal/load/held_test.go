package load

import (
	"testing"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/fleet"
)

func TestAServerThatHoldsItsRunSaysWhy(t *testing.T) {
	t.Parallel()
	var said []string
	s := &server{spec: fleet.Spec{Name: "server-a"}, held: func(what string) {
		said = append(said, what)
	}}
	s.hear("{}", event.Event{Kind: event.LeaseLost, Error: "x"}, nil)
	s.hear("{}", event.Event{
		Kind: event.RunHeld, Reason: "Postgres", Error: "no space left on device",
	}, nil)
	const want = "server-a: Holds its due run: Postgres is away: no space left on device."
	if len(said) != 1 || said[0] != want || s.warnings != 2 {
		t.Errorf("got %q and %d warnings, want %q", said, s.warnings, want)
	}
}
