package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"example.com/triplecharge/internal/timeline"
)

// A run is shown again as it was printed, drawn as it was, and as a page to step through.
func TestARecordedRunIsShownAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	status, played, log := demo(t, "run", "--mode", "uncoordinated", "--fault", "none",
		"--svg", in("run.svg"), "--record", in("run.json"))
	if status != 0 {
		t.Fatalf("exit status %d: %s", status, log)
	}
	status, out, log := demo(t, "replay", in("run.json"), "--svg", in("again.svg"),
		"--html", in("again.html"))
	if status != 0 {
		t.Fatalf("exit status %d: %s", status, log)
	}
	_, picture, _ := strings.Cut(played, "\n\n            0")
	picture, _, _ = strings.Cut(picture, "\n\n  customer")
	if len(picture) < 500 || !strings.Contains(out, picture) {
		t.Errorf("%s was shown again as %s", played, out)
	}
	if content(t, in("run.svg")) != content(t, in("again.svg")) {
		t.Error("it was drawn in another way")
	}
	page := content(t, in("again.html"))
	for _, want := range []string{
		`<template id="step-0">`, "Step 3 of ", "charge 3: $10.00", "uncoordinated at midnight",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not in the page", want)
		}
	}
	for _, outside := range []string{"src=", "href=\"/", "http://", "url(http", "@import"} {
		page = strings.ReplaceAll(page, "http://www.w3.org/2000/svg", "")
		if strings.Contains(page, outside) {
			t.Errorf("the page needs something outside: %s", outside)
		}
	}
}

// The explorer and trials write the same format.
func TestSchedulesAndTrialsAreRecordedToo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"explore": {[]string{"explore", "--mode=naive-lock", "--fault=late"},
			"naive-lock: 2 charges"},
		"replay": {[]string{"explore", "--replay=locked/pause/overcharged"}, "overcharged"},
		"trial": {[]string{"trial", "--fault=late", "--fault=crash-before-charge", "--",
			"../../scripts/examples/shell/worker.sh"}, "crash-before-charge: unbilled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(dir, name)
			args := append([]string{tt.args[0], "--record=" + file}, tt.args[1:]...)
			if status, out, log := demo(t, args...); status > 1 {
				t.Fatalf("exit status %d: %s%s", status, log, out)
			}
			status, out, log := demo(t, "replay", file, "--html", file+".html")
			if status != 0 || !strings.Contains(out, tt.want) {
				t.Errorf("exit status %d, %s: %s lacks %q", status, log, out, tt.want)
			}
			if page := content(t, file+".html"); !strings.Contains(page, "step-1") {
				t.Errorf("nothing to step through: %s", page)
			}
		})
	}
	status, _, log := demo(t, "explore", "--mode=exactly-once", "--fault=late",
		"--record="+filepath.Join(dir, "none"))
	if _, err := os.Stat(filepath.Join(dir, "none")); status != 0 || err == nil ||
		!strings.Contains(log, "nothing is wrong") {
		t.Errorf("exit status %d, %v: %s", status, err, log)
	}
}

func TestWhatCanNotBeReplayedIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	if status, _, log := demo(t, "explore", "--replay=locked/pause/overcharged",
		"--record="+in("good")); status != 0 {
		t.Fatalf("exit status %d: %s", status, log)
	}
	good := content(t, in("good"))
	runs, err := timeline.ReadRecording(strings.NewReader(good))
	if err != nil {
		t.Fatal(err)
	}
	var long strings.Builder
	runs[0].Events = slices.Repeat(runs[0].Events, 50)
	if err := timeline.WriteRecording(&long, runs); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty": "", "page": "<html>", "half": good[:len(good)/2],
		"newer": strings.Replace(good, `"version": 1`, `"version": 7`, 1),
		"huge":  good + strings.Repeat(" ", 17<<20),
		"long":  long.String(),
	} {
		if err := os.WriteFile(in(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(in("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"it is no recording: unexpected end": {in("empty")},
		"it is no recording: invalid":        {in("page")},
		"unexpected end of JSON":             {in("half")},
		"version 7":                          {in("newer")},
		"more than 16 MB":                    {in("huge")},
		"want a regular file":                {in("fifo")},
		"/dev/zero: want a regular":          {"/dev/zero"},
		"no such file":                       {in("missing")},
		"--run 2: it has 1":                  {in("good"), "--run=2"},
		"--html: a run has more than 300":    {in("long"), "--html=" + in("long.html")},
		"--html: ":                           {in("good"), "--html=" + in("fifo")},
	} {
		status, out, log := demo(t, append([]string{"replay"}, args...)...)
		if status != 2 || out != "" || !strings.Contains(log, want) {
			t.Errorf("%v: exit status %d, %q, %q; want 2 and %q", args, status, out, log, want)
		}
	}
}

func content(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
