package main

import (
	"encoding/json"
	"math"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func TestExploreSaysThatExactlyOnceSurvives(t *testing.T) {
	t.Parallel()
	status, out, _ := demo(t, "explore", "--mode", "exactly-once", "--faults", "1")
	if status != 0 || !strings.Contains(out, "3,241 states") ||
		!strings.Contains(out, "nothing is wrong") {
		t.Errorf("exit status %d:\n%s", status, out)
	}
}

func TestExploreTellsTheShortestScheduleAndReplaysIt(t *testing.T) {
	t.Parallel()
	status, out, _ := demo(t, "explore", "--mode", "locked", "--fault", "pause")
	_, command, found := strings.Cut(out, "demo explore --replay '")
	if status != 0 || !found || !strings.Contains(out, "2 charges, 2 entries: overcharged") {
		t.Fatalf("exit status %d:\n%s", status, out)
	}
	again, _, _ := strings.Cut(command, "'")
	for _, args := range [][]string{
		{"explore", "--replay", again}, {"explore", "--replay", "locked/pause/overcharged"},
	} {
		status, replayed, log := demo(t, args...)
		if status != 0 || !strings.Contains(out, replayed) {
			t.Errorf("%v: exit status %d, %s\n%s", args, status, log, replayed)
		}
	}
}

func TestExploreJSON(t *testing.T) {
	t.Parallel()
	status, out, _ := demo(t, "explore", "--mode", "claimed", "--faults", "1", "--json")
	var got struct {
		Mode                                           string
		Servers, Faults, States, Schedules, Violations int
		Shortest                                       []struct{ Wrong, Schedule string }
	}
	err := json.Unmarshal([]byte(out), &got)
	if err != nil || status != 0 || got.Mode != "claimed" || got.Servers != 3 || got.Faults != 1 ||
		got.States == 0 || got.Schedules == 0 || got.Violations == 0 || len(got.Shortest) != 2 {
		t.Errorf("exit status %d, %v:\n%s", status, err, out)
	}
	status, out, _ = demo(t, "explore", "--mode", "idempotent", "--each", "--json")
	var each []struct{ OK bool }
	if err := json.Unmarshal([]byte(out), &each); err != nil || status != 0 || len(each) < 10 {
		t.Errorf("exit status %d, %v:\n%s", status, err, out)
	}
}

func TestExploreRefusesWhatItCanNotUse(t *testing.T) {
	t.Parallel()
	for _, flags := range []string{
		"", "--mode nothing", "--mode locked --servers 0", "--mode locked --faults 9",
		"--mode locked --each --servers 0",
		"--mode locked --fault rain", "--mode locked --fault redlock-majority",
		"--mode locked --replay locked:3:a.begin", "--replay nonsense", "--replay locked:3:a.reply",
		"--mode locked --each --fault pause", "--mode locked --faults=-2",
		"--mode locked --each --faults 1",
	} {
		status, out, log := demo(t, append([]string{"explore"}, strings.Fields(flags)...)...)
		if status != 2 || out != "" || log == "" {
			t.Errorf("%s: exit status %d, %s%s", flags, status, out, log)
		}
	}
}

// Not parallel, since the memory that is in use is the process's.
func TestASearchThatNeedsTooMuchMemoryEnds(t *testing.T) {
	ballast := make([]byte, 900<<20)
	runtime.GC()
	status, _, log := demo(t, "explore", "--mode", "exactly-once", "--faults", "5",
		"--memory", "1")
	expected, ended, _ := strings.Cut(log, "\n")
	if !strings.HasPrefix(expected, "A large search: expect up to 1,6") {
		t.Errorf("it begins with %q, want how large it is", expected)
	}
	if status != 1 || !strings.Contains(ended, "1 GB") || !strings.Contains(ended, "--memory") {
		t.Errorf("got %d, %q; want it ended for want of memory", status, ended)
	}
	runtime.KeepAlive(ballast)
	debug.SetMemoryLimit(math.MaxInt64)
}
