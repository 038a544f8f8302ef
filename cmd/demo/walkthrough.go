package main

import (
	"bufio"
	"bytes"
	"cmp"
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
	"example.com/triplecharge/internal/screen"
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
	env := os.Environ()
	if columns := screen.Columns(o.out); columns > 0 {
		env = append(env, fmt.Sprint("COLUMNS=", columns)) // the commands write to a pipe
	}
	width := min(cmp.Or(screen.Columns(o.out), widest), widest)
	pages := &pager{out: o.out, ask: func(string) error { return nil }}
	out := colorprofile.NewWriter(o.out, os.Environ()) // drops styles unless it is a terminal
	out.Forward = pages
	player := walkthrough.Player{
		Out:     out,
		Session: &walkthrough.Session{Argv: programs(self), Env: env, Log: o.log},
		Prose: walkthrough.Prose{
			Width:  width,
			Strong: func(s string) string { return lipgloss.NewStyle().Bold(true).Render(s) },
			Faint:  func(s string) string { return lipgloss.NewStyle().Faint(true).Render(s) },
			Stress: func(s string) string {
				if out.Profile <= colorprofile.NoTTY {
					return "*" + s + "*"
				}
				return lipgloss.NewStyle().Italic(true).Render(s)
			},
		},
		Wait: pages.wait,
		// An exercise's command needs the reader's changes to the source.
		Runs: func(c walkthrough.Command) bool {
			_, err := programs(self)(c)
			return err == nil && len(c.Changes) == 0
		},
	}
	if term.IsTerminal(int(os.Stdin.Fd())) {
		ask := asker(os.Stdin, o.out)
		pages.ask = func(what string) error { return ask(ctx, what) }
		if file, ok := o.out.(interface{ Fd() uintptr }); ok {
			_, pages.rows, _ = term.GetSize(int(file.Fd())) // 0 if it is no terminal
		}
	}
	err = player.Play(ctx, all)
	pages.show(len(pages.held))
	err = errors.Join(err, pages.err)
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

// pager shows what it is given page by page, so that nothing scrolls away unread. A page ends at an
// empty line, so that a picture stays whole.
type pager struct {
	out   io.Writer
	rows  int // of the terminal; 0: any number
	ask   func(what string) error
	held  []byte // what came after the last empty line
	shown int    // rows of this page
	err   error  // of ask
}

func (p *pager) Write(text []byte) (int, error) {
	p.held = append(p.held, text...)
	for end := bytes.Index(p.held, []byte("\n\n")); end >= 0; {
		p.show(end + 2)
		end = bytes.Index(p.held, []byte("\n\n"))
	}
	return len(text), nil
}

// show shows n bytes of what is held, on the next page if this one has no room.
func (p *pager) show(n int) {
	rows := bytes.Count(p.held[:n], []byte("\n"))
	if p.rows > 0 && p.shown > 0 && p.shown+rows >= p.rows {
		p.turn("more")
	}
	if p.err == nil {
		_, p.err = p.out.Write(p.held[:n])
	}
	p.held, p.shown = p.held[n:], p.shown+rows
}

func (p *pager) turn(what string) {
	if p.err == nil {
		p.err = p.ask(what)
	}
	p.shown = 0
}

// wait shows what is held, then turns the page.
func (p *pager) wait(_ context.Context, what string) error {
	p.show(len(p.held))
	p.turn(what)
	return p.err
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
		fmt.Fprintf(out, "[Enter: %s, q: quit]%s", what, screen.Space)
		select {
		case line, more := <-lines:
			if p, ok := out.(interface{ EndLine() }); ok {
				p.EndLine()
			}
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
