package explore_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/explore"
	"example.com/triplecharge/internal/timeline"
)

// calls are the calls that the marked line must have, by the first word of an event's kind.
func calls() map[string]string {
	return map[string]string{
		"lease": `Obtain|Release`, "claim": `Take|register\(|Register|Postpone|Return`,
		"fence": `Raise`, "intent": `Prepare|Cancel|Confirm`,
		"charge": `Charge\(|Confirm\(|Cancel\(`, "ledger": `Record\(`, "invoice": `^return `,
	}
}

// A page marks the line of the mode that made an event, so each of the mode's events needs one.
func TestEachEventHasALineOfItsMode(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for name, schedule := range explore.Counterexamples() {
		story, err := explore.Narrate(schedule)
		if err != nil {
			t.Fatal(name, err)
		}
		run := timeline.Run{Events: story.Events()}
		for i, e := range run.Events {
			if e.Kind.Outside() || e.Kind == event.WebhookReceived {
				continue
			}
			if problem := unmarked(run.Code(i+1), schedule, e); problem != "" {
				t.Errorf("%s, event %d, %s: %s", name, i+1, e.Kind, problem)
			}
			seen[schedule.Mode.Name] = true
		}
	}
	for _, m := range billing.Modes() {
		if !seen[m.Name] {
			t.Errorf("no event of %s was looked at", m.Name)
		}
	}
}

// unmarked says what is wrong with the line that is marked for an event.
func unmarked(c timeline.Code, s explore.Schedule, e event.Event) string {
	text, err := billing.Source.ReadFile(c.File)
	if err != nil || len(c.At) == 0 {
		return fmt.Sprintf("no line is marked in %q", c.File)
	}
	bill := fmt.Sprintf("func (m %s) Bill(", strings.TrimPrefix(
		fmt.Sprintf("%T", s.Mode.New(billing.Ports{})), "billing."))
	if s.Beside == "" && !strings.Contains(string(text), bill) {
		return c.File + " has no " + bill
	}
	at := c.At[len(c.At)-1]
	line := strings.TrimSpace(strings.Split(string(text), "\n")[at-1])
	if shown := strings.TrimSpace(c.Lines[at-c.First]); shown != line {
		return fmt.Sprintf("line %d is shown as %q and is %q", at, shown, line)
	}
	kind, _, _ := strings.Cut(string(e.Kind), ".")
	if want := calls()[kind]; !regexp.MustCompile(want).MatchString(line) {
		return fmt.Sprintf("the marked line is %q, want %s", line, want)
	}
	return ""
}
