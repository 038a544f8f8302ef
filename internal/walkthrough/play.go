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
	var wrong error
	for i, c := range chapters {
		if i > 0 {
			if err := p.Wait(ctx, c.Title); err != nil {
				return err
			}
		}
		switch err := p.chapter(ctx, c); {
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
	var wrong error
	for _, b := range c.Blocks {
		var err error
		switch b.Kind {
		case Paragraph:
			fmt.Fprintf(p.Out, "\n%s", p.Prose.Text(b.Text))
		case Code:
			fmt.Fprintf(p.Out, "\n%s", p.Prose.Code(b))
		case Fold:
			fmt.Fprintln(p.Out)
			err = p.Wait(ctx, b.Text)
		case Console:
			err = p.console(ctx, b)
		}
		switch {
		case errors.Is(err, ErrStatus):
			wrong = err
		case err != nil:
			return err
		}
	}
	return wrong
}

// console runs a block's commands, or shows their output from the file.
func (p Player) console(ctx context.Context, b Block) error {
	var wrong error
	for _, c := range b.Commands {
		fmt.Fprintf(p.Out, "\n%s\n", p.Prose.Command(c))
		if !p.Runs(c) {
			fmt.Fprintln(p.Out, strings.Join(c.Printed(), "\n"))
			continue
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
			wrong = fmt.Errorf("%s: %w", c, ErrStatus)
		}
	}
	return wrong
}
