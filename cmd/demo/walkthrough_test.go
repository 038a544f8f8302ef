package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"

	"example.com/triplecharge/docs"
	"example.com/triplecharge/internal/walkthrough"
)

func TestTheWalkthroughRunsTheCommandsAndReadsOutTheExercises(t *testing.T) {
	t.Parallel()
	status, out, log := demo(t, "walkthrough", "4")
	if status != 0 {
		t.Fatalf("exit status %d, want 0: %s", status, log)
	}
	at := 0
	for _, want := range []string{
		"4. The server that fired late", "$ go run ./cmd/demo run --mode naive-lock --fault late",
		"4 charges, 4 entries: overcharged", "Why?", "--mode locked --fault late",
		"1 charge, 1 entry",
		"A question", "Server-a,", "Try it", "NOT AS EXPECTED", "exit status 1", "Sources",
	} {
		i := strings.Index(out[at:], want)
		if i < 0 {
			t.Fatalf("%q is missing, or not where it belongs, in:\n%s", want, out)
		}
		at += i
	}
	if n := strings.Count(log, "Postgres:"); n != 2 {
		t.Errorf("%d commands were run, want 2: %s", n, log)
	}
}

func TestEveryCommandOfTheChaptersCanBeRunHere(t *testing.T) {
	t.Parallel()
	chapters, err := walkthrough.Chapters(docs.Chapters)
	if err != nil || len(chapters) == 0 {
		t.Fatalf("%d chapters: %v", len(chapters), err)
	}
	for _, c := range chapters {
		for _, b := range c.Blocks {
			for _, command := range b.Commands {
				_, err := programs("demo")(command)
				if err != nil && len(command.Changes) == 0 {
					t.Errorf("%s:%d: %v", c.File, command.Line, err)
				}
			}
		}
	}
}

func TestAChapterThatThereIsNotIsRefused(t *testing.T) {
	t.Parallel()
	for _, number := range []string{"99", "-1", "four"} {
		if status, out, _ := demo(t, "walkthrough", "--", number); status != 2 || out != "" {
			t.Errorf("chapter %s: exit status %d and %q, want 2 and nothing", number, status, out)
		}
	}
}

func TestAWalkthroughThatIsInterruptedLeavesNothing(t *testing.T) {
	t.Parallel()
	// Its first command keeps running while the others are run.
	dir, walk, log := startDemo(t, "walkthrough", "10")
	for n := 0; n < 3 && log.Scan(); n++ { // Redis, Postgres and Stripe are there
	}
	if len(processesIn(dir)) == 0 {
		t.Error("no process of it is seen")
	}
	if err := walk.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for log.Scan() {
	}
	_ = walk.Wait() // its status is checked below
	if status := walk.ProcessState.ExitCode(); status != 130 {
		t.Errorf("exit status %d, want 130", status)
	}
	goneWithin(t, goneLimit, dir)
}

func TestTheReaderIsAsked(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]error{
		"\n": nil, "yes\n": nil, "q\n": walkthrough.ErrQuit, " Q \n": walkthrough.ErrQuit,
		"": walkthrough.ErrQuit,
	} {
		var out bytes.Buffer
		err := asker(strings.NewReader(typed), &out)(t.Context(), "go on")
		if !errors.Is(err, want) || !strings.Contains(out.String(), "go on") {
			t.Errorf("%q: %v after %q, want %v", typed, err, &out, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	silent := make(silence)
	if err := asker(silent, &out)(ctx, "go on"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want canceled", err)
	}
	close(silent)
}

// silence is an input on which nothing is typed until it is closed.
type silence chan struct{}

func (s silence) Read([]byte) (int, error) {
	<-s
	return 0, errors.New("closed")
}
