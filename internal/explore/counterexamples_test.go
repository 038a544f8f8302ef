package explore

import (
	"fmt"
	"strings"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/golden"
	"example.com/triplecharge/internal/verdict"
)

// Every known counterexample still breaks its mode, and every search finds one that is as short.
func TestKnownSchedulesStayTheShortest(t *testing.T) {
	t.Parallel()
	var found []string
	for _, mode := range billing.Modes() {
		for _, o := range append(eachFault(mode), anyFault(mode)...) {
			for _, s := range mustExplore(t, o).Shortest {
				name := mode.Name + "/any"
				if o.Only != nil {
					name = mode.Name + "/" + string(o.Only[0])
				}
				found = append(found, fmt.Sprintf("%s/%s %s", name, short(s.Wrong), s))
			}
		}
	}
	got := strings.Join(found, "\n") + "\n"
	golden.Check(t, "schedules.txt", got)
}

// eachFault returns a search for each fault that applies to the mode.
func eachFault(mode billing.Mode) (all []Options) {
	for _, f := range faults.Faults() {
		o := Options{Mode: mode, Servers: 3, Faults: Need(f), Only: []faults.Fault{f}}
		if o.Validate() == nil {
			all = append(all, o)
		}
	}
	return all
}

func anyFault(mode billing.Mode) []Options {
	return []Options{{Mode: mode, Servers: 3, Faults: 1}}
}

func short(words string) string { return strings.ReplaceAll(words, ", ", "+") }

func TestKnownSchedulesEndAsTheirNamesSay(t *testing.T) {
	t.Parallel()
	known := Counterexamples()
	if len(known) < 50 {
		t.Fatalf("%d schedules are known", len(known))
	}
	for name, s := range known {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story, err := Narrate(s)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(name, "/"+short(story.Wrong)) {
				t.Errorf("it ends %s", story.Wrong)
			}
			if len(story.Events()) == 0 {
				t.Error("there is nothing to draw")
			}
			again, err := ParseSchedule(s.String())
			if err != nil || again.String() != s.String() {
				t.Errorf("read again: %s, %v", again, err)
			}
		})
	}
}

func TestSchedulesThatCanNotHappenAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "locked", "locked:3", "nothing:3:a.begin", "locked:0:a.begin", "locked:9:a.begin",
		"locked:three:a.begin", "locked:3:", "locked:3:a.jump", "locked+fenced:3:a.begin",
		"locked:3:a.ask", "locked:3:d.begin", "locked:3:a.begin,a.begin", "locked:3:a.begin,a.send",
	} {
		s, err := ParseSchedule(text)
		if err == nil {
			_, err = Narrate(s)
		}
		if err == nil {
			t.Errorf("%q: want an error", text)
		}
	}
}

// The picture shows what goes wrong, too.
func TestAStoryIsDrawnFromTheEventsOfARun(t *testing.T) {
	t.Parallel()
	s, err := ParseSchedule(Counterexamples()["locked/pause/overcharged"].String())
	if err != nil {
		t.Fatal(err)
	}
	story, err := Narrate(s)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[event.Kind]int{}
	for _, e := range story.Events() {
		counts[e.Kind]++
	}
	for name, want := range map[event.Kind]int{
		event.LeaseObtained: 2, event.ChargeSent: 2, event.ServerPaused: 1, event.ServerResumed: 1,
		event.LeaseExpired: 1, event.StripeCharged: 2, event.ChargeSucceeded: 2,
		event.LedgerRecorded: 2,
	} {
		if counts[name] != want {
			t.Errorf("%s: got %d, want %d", name, counts[name], want)
		}
	}
	if want := (verdict.Counts{Charges: 2, Entries: 2}); story.Counts != want {
		t.Errorf("in the end: %s", story.Counts)
	}
}
