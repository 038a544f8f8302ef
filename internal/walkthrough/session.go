package walkthrough

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Session runs a chapter's commands in order, like a terminal in the repository's root. A command
// with --keep, which runs until Ctrl-C, runs in the background; later commands get the variables
// that it says to export. Not safe for concurrent use.
type Session struct {
	// Argv returns the program and arguments to run, to replace `go run` with a built program.
	Argv func(Command) ([]string, error)
	Env  []string  // the commands' environment; nil means this process's
	Log  io.Writer // receives their standard error

	exports []string // NAME=value
	kept    []background
}

// background is a command that runs until Close.
type background struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// stopLimit is how long an interrupted command may take to end: longer than Postgres needs on a
// busy machine.
const stopLimit = 30 * time.Second

// Run runs the command, writes its standard output to out, and returns its exit status. When ctx
// ends, it interrupts the command, waits for it to end, and returns ctx's error.
func (s *Session) Run(ctx context.Context, c Command, out io.Writer) (status int, err error) {
	argv, err := s.Argv(c)
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = stopLimit
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

// ready starts the line that a --keep command prints when it is up.
const ready = "Press Ctrl-C"

// keep starts a command in the background and returns once it is up.
func (s *Session) keep(cmd *exec.Cmd, out io.Writer) error {
	cmd.Stdout = nil
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	k := background{cmd, make(chan struct{})}
	s.kept = append(s.kept, k)
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		fmt.Fprintln(out, lines.Text())
		if match := export.FindStringSubmatch(lines.Text()); match != nil {
			for _, v := range variable.FindAllStringSubmatch(match[1], -1) {
				s.exports = append(s.exports, v[1]+"="+withPassword(v[2], v[1], cmd.Env))
			}
		}
		if strings.HasPrefix(lines.Text(), ready) {
			go func() {
				_, _ = io.Copy(io.Discard, stdout)
				_ = cmd.Wait() // ended by a signal, or its error is in the log
				close(k.ended)
			}()
			return nil
		}
	}
	err = cmd.Wait()
	close(k.ended)
	return fmt.Errorf("a command with --keep ended early: %w", err)
}

// withPassword puts the password back into a printed URL of a server that the environment gives:
// the command has printed xxxxx.
func withPassword(printed, name string, env []string) string {
	for _, given := range env {
		if value, ok := strings.CutPrefix(given, name+"="); ok {
			if u, err := url.Parse(value); err == nil {
				password, _ := u.User.Password()
				printed = strings.Replace(printed, ":xxxxx@",
					url.UserPassword("", password).String()+"@", 1)
			}
		}
	}
	return printed
}

// Close interrupts the background commands and waits for them to end.
func (s *Session) Close() {
	for _, k := range s.kept {
		_ = k.cmd.Process.Signal(os.Interrupt)
		<-k.ended
	}
	s.kept, s.exports = nil, nil
}
