package walkthrough

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Player plays chapters in a terminal, and runs their commands. All fields must be set.
type Player struct {
	Out     io.Writer
	Session *Session
	Prose   Prose
	// Wait returns once the reader wants to go on, having been told what comes; ErrQuit if he wants
	// to stop here.
	Wait func(ctx context.Context, what string) error
	// Runs reports whether a command can be run here; what another prints is read out.
	Runs func(Command) bool
}

var (
	// ErrQuit is the reader's wish to stop.
	ErrQuit = errors.New("the reader quits")
	// ErrStatus says that a command's exit status was not what the chapter says.
	ErrStatus = errors.New("not the exit status that the chapter says")
)

// Play plays the chapters, one after another. It returns ErrQuit or ctx's error if that ends it,
// and ErrStatus, at the end, if a command came to something else than the chapter says.
func (p Player) Play(ctx context.Context, chapters []Chapter) (err error) {
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

// chapter plays one chapter; what its commands leave up is gone at its end.
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

// console runs a block's commands, or reads out what they print.
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
