package walkthrough

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Player shows chapters in a terminal and runs their commands. All fields must be set.
type Player struct {
	Out     io.Writer
	Session *Session
	Prose   Prose
	// Wait tells the reader what comes next, and returns once the reader goes on, or ErrQuit.
	Wait func(ctx context.Context, what string) error
	// Runs reports whether a command can run here. Otherwise its output is shown from the file.
	Runs func(Command) bool
}

var (
	// ErrQuit means that the reader wants to stop.
	ErrQuit = errors.New("the reader quits")
	// ErrStatus means that a command's exit status differs from the chapter's.
	ErrStatus = errors.New("the exit status differs from the chapter's")
)

// Play plays the chapters in order. It stops early with ErrQuit or ctx's error; it plays on after a
// wrong exit status, and returns ErrStatus at the end.
func (p Player) Play(ctx context.Context, chapters []Chapter) error {
	return each(chapters, func(i int, c Chapter) error {
		if i > 0 {
			if err := p.Wait(ctx, c.Title); err != nil {
				return err
			}
		}
		return p.chapter(ctx, c)
	})
}

// each calls play for all of something, until the first error. After ErrStatus it goes on, and
// returns it at the end.
func each[T any](all []T, play func(int, T) error) (wrong error) {
	for i, one := range all {
		switch err := play(i, one); {
		case errors.Is(err, ErrStatus):
			wrong = err
		case err != nil:
			return err
		}
	}
	return wrong
}

// chapter plays one chapter, then ends the commands that it left running.
func (p Player) chapter(ctx context.Context, c Chapter) error {
	defer p.Session.Close()
	return each(c.Blocks, func(_ int, b Block) error {
		switch b.Kind {
		case Paragraph:
			fmt.Fprintf(p.Out, "\n%s", p.Prose.Text(b.Text))
		case Code:
			fmt.Fprintf(p.Out, "\n%s", p.Prose.Code(b))
		case Fold:
			fmt.Fprintln(p.Out)
			return p.Wait(ctx, b.Text)
		case Console:
			return each(b.Commands, func(_ int, c Command) error { return p.command(ctx, c) })
		}
		return nil
	})
}

// command runs a command, or shows its output from the file.
func (p Player) command(ctx context.Context, c Command) error {
	fmt.Fprintf(p.Out, "\n%s\n", p.Prose.Command(c))
	if !p.Runs(c) {
		fmt.Fprintln(p.Out, strings.Join(c.Printed(), "\n"))
		return nil
	}
	if err := p.Wait(ctx, "run it"); err != nil {
		return err
	}
	status, err := p.Session.Run(ctx, c, p.Out)
	if err != nil {
		return err
	}
	if status != 0 {
		fmt.Fprintf(p.Out, "exit status %d\n", status)
	}
	if status != c.Status {
		return fmt.Errorf("%s: %w", c, ErrStatus)
	}
	return nil
}
