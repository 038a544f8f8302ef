package services

import (
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

//go:embed guard.sh
var guardScript string

// guard owns one temporary folder and one process group, and sees to it that neither outlives
// this process: not after an orderly close, not after Ctrl-C, not after kill -9.
//
// Two shells do it, each a child that waits for the end of a pipe which only we hold. The first
// (the leader) does nothing: its process id is the group that the servers join, a group other
// than ours, so that a terminal's Ctrl-C reaches neither. The second (the sweeper), in a group of
// its own, ends the group and removes the folder once the pipe ends. Linux' parent-death signal
// would not do: it follows the thread that started the child, and no other system has it.
type guard struct {
	dir     string
	pipe    io.Closer
	leader  *exec.Cmd
	sweeper *exec.Cmd
}

// newGuard starts the two shells. The folder is made only afterwards, when it is first needed, so
// that there is no moment in which it exists and nobody would remove it.
func newGuard() (*guard, error) {
	root, err := filepath.Abs(os.TempDir())
	if err != nil {
		return nil, fmt.Errorf("find the temporary folder: %w", err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("open the guard's pipe: %w", err)
	}
	defer read.Close() //nolint:errcheck // the children hold copies; ours has no more use

	g := &guard{dir: filepath.Join(root, "triplecharge-"+rand.Text()), pipe: write}
	g.leader = shell(read, "read -r _")
	if err := g.leader.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the guard: %w", err), write.Close())
	}
	g.sweeper = shell(read, guardScript, fmt.Sprint(g.leader.Process.Pid), g.dir)
	if err := g.sweeper.Start(); err != nil {
		err = fmt.Errorf("start the guard: %w", err)
		return nil, errors.Join(err, write.Close(), g.leader.Wait())
	}
	return g, nil
}

// folder makes a folder inside the guard's, for the account alone.
func (g *guard) folder(name string, as account) (string, error) {
	// The outer one can be passed through, though not listed, by the servers' user. The mode is
	// set again because a umask may have taken that away.
	if err := os.MkdirAll(g.dir, 0o711); err != nil {
		return "", err
	}
	if err := os.Chmod(g.dir, 0o711); err != nil {
		return "", err
	}
	dir := filepath.Join(g.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	return dir, as.own(dir)
}

// shell returns a POSIX shell in a process group of its own.
func shell(stdin *os.File, script string, args ...string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", append([]string{"-c", script, "triplecharge-guard"}, args...)...)
	cmd.Stdin = stdin
	cmd.Env = []string{"PATH=" + os.Getenv("PATH") + ":/usr/bin:/bin"}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// adopt puts a command that has not started yet under the guard.
func (g *guard) adopt(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pgid = g.leader.Process.Pid
}

// close has the guard do its work now, and returns once it is done.
func (g *guard) close() error {
	err := g.pipe.Close()
	// The leader first: until it is reaped, the sweeper sees it in the group and waits.
	g.leader.Wait() //nolint:errcheck // the sweeper may have ended it by a signal
	if swept := g.sweeper.Wait(); swept != nil {
		// The sweeper was killed, or could not remove everything: say what is in the way.
		err = errors.Join(err, os.RemoveAll(g.dir))
	}
	return err
}
