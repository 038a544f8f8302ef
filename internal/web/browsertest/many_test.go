package browsertest

import (
	"cmp"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// keptRuns is the number of runs that the page keeps, with their database and simulator.
const keptRuns = 10

// Runs in a row leave no process, no open file, no file and no memory. RUNS is their number.
func TestRunsInARowLeaveNothing(t *testing.T) {
	runs, err := strconv.Atoi(cmp.Or(os.Getenv("RUNS"), "30"))
	if err != nil || runs < 1 {
		t.Fatalf("RUNS=%s: want a number", os.Getenv("RUNS"))
	}
	s := serve(t)
	cells := [][2]string{
		{"uncoordinated", "none"}, {"locked", "none"}, {"exactly-once", "late"},
		{"locked", "redis-failover"}, {"redlock", "none"},
	}
	play := func(n int) {
		for i := range n {
			cell := cells[i%len(cells)]
			line := s.verdict(t, s.midnight(t, cell[0], cell[1]))
			if !strings.Contains(line, "As expected") {
				t.Fatalf("run %d, %v: %s", i, cell, line)
			}
		}
	}
	play(2 * keptRuns) // until the page keeps as many as it ever does
	before := s.use(t)
	play(runs)
	after := s.use(t)
	t.Logf("before %d runs more: %+v; after: %+v", runs, before, after)
	if after.processes > before.processes || after.files > before.files+5 ||
		after.descriptors > before.descriptors+20 {
		t.Errorf("it was %+v, and is %+v after %d runs", before, after, runs)
	}
	// Garbage that was not collected yet does not count.
	if after.kilobytes > before.kilobytes*3/2+20_000 {
		t.Errorf("it had %d kB, and has %d after %d runs", before.kilobytes, after.kilobytes, runs)
	}
}

func TestCtrlCInTheMiddleOfARunLeavesNothing(t *testing.T) {
	s := serve(t)
	s.verdict(t, s.midnight(t, "locked", "none")) // it is kept
	s.midnight(t, "locked", "pause")
	s.await(t, func() bool { return len(s.processes(t)) == 4 }) // the page and its three servers
	s.stop(t)
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
	if left := s.processes(t); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if files := s.files(t); files > 0 {
		t.Errorf("%d files are left in %s", files, s.temp)
	}
}

// use is what a page uses of the machine.
type use struct{ processes, descriptors, files, kilobytes int }

func (s *served) use(t *testing.T) use {
	t.Helper()
	pid := strconv.Itoa(s.cmd.Process.Pid)
	descriptors, err := os.ReadDir("/proc/" + pid + "/fd")
	if err != nil {
		t.Skip(err) // there is no /proc here
	}
	status, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		t.Fatal(err)
	}
	u := use{descriptors: len(descriptors), files: s.files(t)}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); fields[0] == "VmRSS:" {
			u.kilobytes, _ = strconv.Atoi(fields[1])
		}
	}
	// Every process that it has started is in the guard's process group, or is the guard.
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range stats {
		stat, err := os.ReadFile(file)
		_, behind, _ := strings.Cut(string(stat), ") ")
		if fields := strings.Fields(behind); err == nil && len(fields) > 1 && fields[1] == pid {
			u.processes++
		}
	}
	return u
}

// files returns the files in its temporary folder.
func (s *served) files(t *testing.T) (n int) {
	t.Helper()
	err := filepath.WalkDir(s.temp, func(path string, d os.DirEntry, err error) error {
		// Postgres' own files come and go.
		if d != nil && d.IsDir() && strings.HasPrefix(d.Name(), "postgres") && path != s.temp {
			return filepath.SkipDir
		}
		if err == nil && path != s.temp {
			n++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// await polls until the condition is true.
func (s *served) await(t *testing.T, so func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-s.over:
			t.Fatal("it has ended")
		}
	}
}
