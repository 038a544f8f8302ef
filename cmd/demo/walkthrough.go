package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
	"golang.org/x/term"

	"example.com/triplecharge/docs"
	"example.com/triplecharge/internal/cli"
	"example.com/triplecharge/internal/walkthrough"
)

// chapters plays the chapters of docs/ in the terminal.
type chapters struct {
	Chapter  int  `arg:"" optional:"" min:"1" help:"Number of the only chapter to play, such as 4."`
	Exercise int  `min:"1" placeholder:"N" help:"Play nothing: prepare the source in this folder for chapter N's exercise, as --start or --solve say."`
	Start    bool `xor:"exercise" help:"With --exercise: put its files back as they were committed."`
	Solve    bool `xor:"exercise" help:"With --exercise: make its changes."`
}

// Run plays them.
func (c chapters) Run(ctx context.Context, o output) error {
	all, err := walkthrough.Chapters(docs.Chapters)
	if err != nil {
		return err
	}
	if chosen := max(c.Chapter, c.Exercise); chosen > len(all) {
		return cli.Usage(fmt.Errorf("chapter %d: want 1 to %d", chosen, len(all)))
	}
	switch wanted := c.Start || c.Solve; {
	case wanted != (c.Exercise > 0):
		return cli.Usage(errors.New("--exercise N needs --start or --solve, and they need it"))
	case wanted:
		return c.prepare(ctx, all[c.Exercise-1], o.out)
	}
	if c.Chapter > 0 {
		all = all[c.Chapter-1 : c.Chapter]
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program to run the commands: %w", err)
	}
	out := colorprofile.NewWriter(o.out, os.Environ()) // drops styles unless it is a terminal
	player := walkthrough.Player{
		Out:     out,
		Session: &walkthrough.Session{Argv: programs(self), Log: o.log},
		Prose: walkthrough.Prose{
			Width:  proseWidth(o.out),
			Strong: func(s string) string { return lipgloss.NewStyle().Bold(true).Render(s) },
			Faint:  func(s string) string { return lipgloss.NewStyle().Faint(true).Render(s) },
			Stress: func(s string) string {
				if out.Profile <= colorprofile.NoTTY {
					return "*" + s + "*"
				}
				return lipgloss.NewStyle().Italic(true).Render(s)
			},
		},
		Wait: func(context.Context, string) error { return nil },
		// An exercise's command needs the reader's changes to the source.
		Runs: func(c walkthrough.Command) bool {
			_, err := programs(self)(c)
			return err == nil && len(c.Changes) == 0
		},
	}
	if term.IsTerminal(int(os.Stdin.Fd())) {
		player.Wait = asker(os.Stdin, o.out)
	}
	err = player.Play(ctx, all)
	if errors.Is(err, walkthrough.ErrQuit) {
		return nil
	}
	return err
}

// prepare writes the exercise's files, and says where to read on.
func (c chapters) prepare(ctx context.Context, chapter walkthrough.Chapter, out io.Writer) error {
	lines, err := walkthrough.Prepare(ctx, ".", chapter.Exercise(), c.Solve)
	for _, line := range lines {
		fmt.Fprintln(out, line)
	}
	if err == nil {
		fmt.Fprintf(out, "What to try is in docs/%s.\n", chapter.File)
	}
	return err
}

// reconcileArg, as the first argument, makes this program act as cmd/reconcile.
const reconcileArg = "reconcile"

// programs returns a function that turns a chapter's command into arguments for this program.
func programs(self string) func(walkthrough.Command) ([]string, error) {
	return func(c walkthrough.Command) ([]string, error) {
		for prefix, argv := range map[string][]string{
			"go run ./cmd/demo ": {self}, "go run ./cmd/reconcile ": {self, reconcileArg},
		} {
			if args, ok := strings.CutPrefix(c.String()+" ", prefix); ok {
				return append(argv, strings.Fields(args)...), nil
			}
		}
		return nil, fmt.Errorf("the walkthrough can't run %s", c)
	}
}

// widest is the maximum width of prose in columns; longer lines are hard to read.
const widest = 92

func proseWidth(out io.Writer) int {
	if width := terminalWidth(out); width > 0 {
		return max(20, min(width, widest))
	}
	return widest
}

// asker returns a function that waits for Enter; q or the end of the input returns ErrQuit.
func asker(in io.Reader, out io.Writer) func(context.Context, string) error {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(in); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return func(ctx context.Context, what string) error {
		fmt.Fprintf(out, "[Enter: %s, q: quit] ", what)
		select {
		case line, more := <-lines:
			if !more || strings.EqualFold(strings.TrimSpace(line), "q") {
				return walkthrough.ErrQuit
			}
			return nil
		case <-ctx.Done():
			fmt.Fprintln(out)
			return ctx.Err()
		}
	}
}
