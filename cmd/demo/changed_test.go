package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/verdict"
)

// changedDemo builds the demo with files of package billing replaced or added, and returns its
// path. The linker's flags set variables, and compile nothing anew.
func changedDemo(t *testing.T, files map[string]string, linker string) string {
	t.Helper()
	dir := t.TempDir()
	overlay := map[string]string{}
	for name, source := range files {
		path, err := filepath.Abs(filepath.Join("../../billing", name))
		if err != nil {
			t.Fatal(err)
		}
		overlay[path] = filepath.Join(dir, name)
		if err := os.WriteFile(overlay[path], []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mapping, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	config, program := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "demo")
	if err := os.WriteFile(config, mapping, 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-overlay", config,
		"-ldflags=-s "+linker, "-o", program, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// modesSource is the source of the table of modes.
func modesSource(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile("../../billing/modes.go")
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

// hopefulDemo builds a demo with one more mode, which has no expectations.
func hopefulDemo(t *testing.T) string {
	t.Helper()
	const end, row = "\t}\n}\n\n// ModeNamed", `		{
			Name: "hopeful", Lock: SafeLock, ChecksLedger: true, Promise: "Hopes for the best.",
			New: func(p Ports) Biller { return hopeful{locked{p.Locker, p.Ledger, p.Charger}} },
		},
`
	modes := strings.Replace(modesSource(t), end, row+end, 1)
	return changedDemo(t, map[string]string{
		"modes.go": modes, "hopeful.go": "package billing\n\ntype hopeful struct{ locked }\n",
	}, "")
}

// A mode needs only a file and a row in the table of modes.
func TestAModeNeedsNoExpectations(t *testing.T) {
	t.Parallel()
	program := hopefulDemo(t)
	for _, of := range [][]string{ // a command, and what it prints
		{"--mode hopeful --latency 20ms", "No expectation"},
		{"run --mode hopeful --fault pause", "After a recovery run: 2 charges", "No expectation"},
		{"run --mode hopeful --fault redlock-minority", "n/a: the mode has one Redis node"},
		{"matrix --mode hopeful --fault pause --fault none", "O 2/2", "2 no expectation"},
		{"matrix --mode hopeful --fault none --json", `"no_expectation": true`},
		{"explore --mode hopeful --fault pause", "overcharged", "No expectation"},
		{"explore --mode hopeful --fault none", "nothing is wrong in any"},
		{"explore --mode hopeful --each", "mixed-modes", "nothing is wrong"},
		{"explore --replay hopeful:3:a.begin,a.ask,a.ask,a.ask,a.send", "server-a"},
	} {
		command, want := of[0], of[1:]
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), program, strings.Fields(command)...)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			for _, part := range want {
				if !strings.Contains(string(out), part) {
					t.Errorf("it lacks %q:\n%s", part, out)
				}
			}
			if regexp.MustCompile("must never|As expected|NOT AS EXPECTED|(?i)promise").Match(out) {
				t.Errorf("nobody expects anything of it:\n%s", out)
			}
		})
	}
	t.Run("serve", func(t *testing.T) {
		t.Parallel()
		playHopeful(t, program)
	})
}

// playHopeful plays the mode on the page.
func playHopeful(t *testing.T, program string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "serve", "--listen", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	site := strings.TrimSpace(line)
	if page := get(t, site+"/matrix"); !strings.Contains(page, `value="hopeful/pause"`) {
		t.Error("the page can't play it")
	}
	r, err := http.PostForm(site+"/runs", url.Values{"mode": {"hopeful"}, "fault": {"none"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	events := r.Request.URL // where the redirect led
	events.Path += "/events"
	if told := followed(t, events.String()); !strings.Contains(told, "No expectation: 1 charge") {
		t.Errorf("it ended with %q", told)
	}
	_ = cmd.Process.Signal(os.Interrupt)
	_ = cmd.Wait()
}

func get(t *testing.T, address string) string {
	t.Helper()
	r, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// followed follows a run and returns its last news.
func followed(t *testing.T, address string) string {
	t.Helper()
	r, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	lines := bufio.NewScanner(r.Body)
	for lines.Scan() && !strings.Contains(lines.Text(), `"over":true`) {
		continue
	}
	return lines.Text()
}

// decisive returns the faults of the matrix that show what a kind of lock is worth. The others
// concern servers, Stripe and the ledger, or take many times as long.
func decisive() []faults.Fault {
	return []faults.Fault{
		faults.None, faults.Late, faults.Pause, faults.SlowStripe, faults.RedisRestart,
		faults.PartitionBeforeCharge, faults.PartitionDuringCharge,
	}
}

// Whatever lock a mode is given, real servers and the explorer agree on whether Alice can be
// charged twice.
func TestMatrixAndExplorerAgreeForEveryKindOfLock(t *testing.T) {
	t.Parallel()
	if os.Getenv("MUTANTS") == "" {
		t.Skip("it builds the demo for each kind of lock and plays for a minute: set MUTANTS=1")
	}
	modes := regexp.MustCompile(`Lock: \w+Lock`).
		ReplaceAllString(modesSource(t), "Lock: Lock(everyLock)") + "\nvar everyLock string\n"
	for _, kind := range []billing.Lock{
		billing.NaiveLock, billing.SafeLock, billing.QuorumLock,
	} {
		program := changedDemo(t, map[string]string{"modes.go": modes},
			"-X=example.com/triplecharge/billing.everyLock="+string(kind))
		args := []string{"matrix", "--json"}
		for _, mode := range billing.Modes() {
			// fenced bills nobody without the token that only its own lock gives.
			if mode.Lock != billing.NoLock && mode.Lock != kind && mode.Name != "fenced" {
				args = append(args, "--mode", mode.Name)
			}
		}
		for _, f := range decisive() {
			args = append(args, "--fault", string(f))
		}
		played := twiceInMatrix(t, program, args)
		for mode, cells := range played {
			explored := twiceExplored(t, program, mode)
			for f, twice := range cells {
				// In the explorer a fault need not happen, and servers may come late.
				want := twice || f != faults.Late && (cells[faults.None] || cells[faults.Late])
				// What is possible need not happen at the first try, on a busy machine.
				for try := 0; try < 2 && explored[f] && !want; try++ {
					args := []string{"matrix", "--json", "--mode", mode, "--fault", string(f)}
					want = twiceInMatrix(t, program, args)[mode][f]
				}
				if explored[f] != want {
					t.Errorf("%s with a %s lock under %s: two charges are possible: "+
						"the explorer says %t, "+
						"the matrix %t", mode, kind, f, explored[f], want)
				}
			}
		}
		t.Logf("%s: %d modes, %d faults", kind, len(played), len(decisive()))
	}
}

// outputOf runs the program and ignores its exit status, since the lock is a different one.
func outputOf(t *testing.T, program string, args []string, into any) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).Output()
	if jsonErr := json.Unmarshal(out, into); jsonErr != nil {
		t.Fatalf("%v: %v, %v\n%s", args, err, jsonErr, out)
	}
}

// twiceInMatrix plays cells and returns those in which Alice was charged twice.
func twiceInMatrix(t *testing.T, program string, args []string) map[string]map[faults.Fault]bool {
	t.Helper()
	var cells []struct {
		Mode             string
		Fault            faults.Fault
		Charges, Entries int
		Recovered        verdict.Counts
		Applies          bool
		Error            string
	}
	outputOf(t, program, args, &cells)
	twice := map[string]map[faults.Fault]bool{}
	for _, c := range cells {
		if c.Error != "" {
			t.Errorf("%s under %s: %s", c.Mode, c.Fault, c.Error)
		}
		if !c.Applies || c.Error != "" {
			continue
		}
		if twice[c.Mode] == nil {
			twice[c.Mode] = map[faults.Fault]bool{}
		}
		twice[c.Mode][c.Fault] = max(c.Charges, c.Recovered.Charges) > 1
	}
	if len(twice) == 0 {
		t.Fatal("no cell was played")
	}
	return twice
}

// twiceExplored returns the faults under which the explorer finds two charges.
func twiceExplored(t *testing.T, program, mode string) map[faults.Fault]bool {
	t.Helper()
	var found []exploredJSON
	outputOf(t, program, []string{"explore", "--mode", mode, "--each", "--json"}, &found)
	twice := map[faults.Fault]bool{}
	for _, e := range found {
		for _, s := range e.Shortest {
			twice[e.Only[0]] = twice[e.Only[0]] || strings.Contains(s.Wrong, "overcharged")
		}
	}
	return twice
}
