package walkthrough

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Session runs a chapter's commands, one after another, as a terminal in the repository's root
// would. A command that stays until Ctrl-C (--keep) stays in the background, and the variables that
// it says to export are there for those that follow. Not safe for concurrent use.
type Session struct {
	// Argv returns the program and the arguments that a command is run with: `go run` compiles,
	// and there are programs already.
	Argv func(Command) ([]string, error)
	Env  []string  // of the commands; nil for this process' own
	Log  io.Writer // gets their standard error

	exports []string // NAME=value
	kept    []*kept
}

// kept is a command that stays.
type kept struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// patience is how long a command that was asked to end may take to clean up behind it: longer than
// Postgres takes to stop on a busy machine.
const patience = 30 * time.Second

// Run runs the command, with its standard output to out, and returns its exit status. When ctx ends
// it asks the command to end, as Ctrl-C would, waits for that, and returns ctx's error.
func (s *Session) Run(ctx context.Context, c Command, out io.Writer) (status int, err error) {
	argv, err := s.Argv(c)
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	cmd.Stdout, cmd.Stderr = out, s.Log
	if cmd.Env = slices.Clone(s.Env); cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, s.exports...)
	if slices.Contains(c.Words, "--keep") {
		return 0, s.keep(cmd, out)
	}
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode(), nil
	case err != nil:
		return 0, fmt.Errorf("run %s: %w", c, err)
	}
	return 0, nil
}

var (
	export   = regexp.MustCompile(`^\s*export (.*)$`)
	variable = regexp.MustCompile(`(\w+)='([^']*)'`)
)

// stays is how a command says that it is up, and stays.
const stays = "Press Ctrl-C"

// keep starts a command that stays, and returns once it is up.
func (s *Session) keep(cmd *exec.Cmd, out io.Writer) error {
	cmd.Stdout = nil
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	k := &kept{cmd, make(chan struct{})}
	s.kept = append(s.kept, k)
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		fmt.Fprintln(out, lines.Text())
		if match := export.FindStringSubmatch(lines.Text()); match != nil {
			for _, v := range variable.FindAllStringSubmatch(match[1], -1) {
				s.exports = append(s.exports, v[1]+"="+v[2])
			}
		}
		if strings.HasPrefix(lines.Text(), stays) {
			go func() {
				_, _ = io.Copy(io.Discard, stdout)
				_ = cmd.Wait() // it ends by a signal, or by an error that it has told of
				close(k.ended)
			}()
			return nil
		}
	}
	err = cmd.Wait()
	close(k.ended)
	return fmt.Errorf("it ended, and was to stay: %w", err)
}

// Close ends what stays, as Ctrl-C would, and waits for that.
func (s *Session) Close() {
	for _, k := range s.kept {
		_ = k.cmd.Process.Signal(os.Interrupt)
		<-k.ended
	}
	s.kept, s.exports = nil, nil
}
