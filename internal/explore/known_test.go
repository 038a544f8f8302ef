package explore

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/verdicts"
)

var update = flag.Bool("update", false, "write the known schedules anew")

// Every counterexample is kept, and stays one; and no search finds a shorter one, or none.
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
	const path = "testdata/schedules.txt"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant, as %s has it (go test -update writes it)\n%s", got, path, want)
	}
}

// eachFault is a search for each fault that can meet the mode.
func eachFault(mode billing.Mode) (all []Options) {
	for _, f := range verdicts.Faults() {
		o := Options{Mode: mode, Servers: 3, Faults: Need(f), Only: []verdicts.Fault{f}}
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
	known := Known()
	if len(known) < 50 {
		t.Fatalf("%d schedules are known", len(known))
	}
	for name, s := range known {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story, err := Tell(s)
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
			_, err = Tell(s)
		}
		if err == nil {
			t.Errorf("%q: want an error", text)
		}
	}
}

// What goes wrong is in the picture, too.
func TestAStoryIsDrawnFromTheEventsOfARun(t *testing.T) {
	t.Parallel()
	s, err := ParseSchedule(Known()["locked/pause/overcharged"].String())
	if err != nil {
		t.Fatal(err)
	}
	story, err := Tell(s)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, e := range story.Events() {
		counts[e.Name]++
	}
	for name, want := range map[string]int{
		"lease.obtained": 2, "charge.sent": 2, "server.paused": 1, "server.resumed": 1,
		"lease.expired": 1, "stripe.charged": 2, "charge.succeeded": 2, "ledger.recorded": 2,
	} {
		if counts[name] != want {
			t.Errorf("%s: got %d, want %d", name, counts[name], want)
		}
	}
	if want := (verdicts.Counts{Charges: 2, Entries: 2}); story.Counts != want {
		t.Errorf("in the end: %s", story.Counts)
	}
}
