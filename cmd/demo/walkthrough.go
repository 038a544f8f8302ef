package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/charmbracelet/lipgloss"
	"golang.org/x/term"

	"example.com/triplecharge/docs"
	"example.com/triplecharge/internal/walkthrough"
)

// walk plays the chapters of docs/ in the terminal.
type walk struct {
	Chapter int `arg:"" optional:"" help:"Play this chapter only, such as 4."`
}

// Run plays them.
func (w walk) Run(ctx context.Context, o output) error {
	chapters, err := walkthrough.Chapters(docs.Chapters)
	if err != nil {
		return err
	}
	if w.Chapter < 0 || w.Chapter > len(chapters) {
		return fmt.Errorf("%wchapter %d: want 1 to %d", errUsage, w.Chapter, len(chapters))
	}
	if w.Chapter > 0 {
		chapters = chapters[w.Chapter-1 : w.Chapter]
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program, to run the commands with: %w", err)
	}
	render := lipgloss.NewRenderer(o.out)
	player := walkthrough.Player{
		Out:     o.out,
		Session: &walkthrough.Session{Argv: programs(self), Log: o.log},
		Prose: walkthrough.Prose{
			Width:  proseWidth(o.out),
			Strong: func(s string) string { return render.NewStyle().Bold(true).Render(s) },
			Faint:  func(s string) string { return render.NewStyle().Faint(true).Render(s) },
		},
		Wait: func(context.Context, string) error { return nil },
		// An exercise's command is for the changed source, which is the reader's.
		Runs: func(c walkthrough.Command) bool {
			_, err := programs(self)(c)
			return err == nil && len(c.Changes) == 0
		},
	}
	if term.IsTerminal(int(os.Stdin.Fd())) {
		player.Wait = asker(os.Stdin, o.out)
	}
	err = player.Play(ctx, chapters)
	if errors.Is(err, walkthrough.ErrQuit) {
		return nil
	}
	return err
}

// reconcileArg, as the first argument, makes this process cmd/reconcile.
const reconcileArg = "reconcile"

// programs returns what runs a chapter's commands: this program itself.
func programs(self string) func(walkthrough.Command) ([]string, error) {
	return func(c walkthrough.Command) ([]string, error) {
		command := c.String()
		if args, ok := strings.CutPrefix(command+" ", "go run ./cmd/demo "); ok {
			return append([]string{self}, strings.Fields(args)...), nil
		}
		if args, ok := strings.CutPrefix(command+" ", "go run ./cmd/reconcile "); ok {
			return append([]string{self, reconcileArg}, strings.Fields(args)...), nil
		}
		return nil, fmt.Errorf("%s: the walkthrough can't run this", command)
	}
}

// What lines of prose are as wide as, at most: longer ones are hard to read.
const widest = 92

func proseWidth(out io.Writer) int {
	file, ok := out.(*os.File)
	if !ok {
		return widest
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return widest
	}
	return max(20, min(width, widest))
}

// asker returns what asks the reader to go on: Enter does, q and the end of the input quit.
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
