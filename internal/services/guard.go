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

// guard owns a temporary folder and a process group, and removes both when this process ends: by
// close, by Ctrl-C, or by kill -9.
//
// Two child shells wait until a pipe closes whose other end only this process holds. The leader
// does nothing else: the servers join its process group, which a terminal's Ctrl-C doesn't reach.
// The sweeper, in another group, then ends the leader's group and removes the folder. Linux's
// parent-death signal can't replace them: it follows the thread that started the child, and other
// systems lack it.
type guard struct {
	dir     string
	pipe    io.Closer
	leader  *exec.Cmd
	sweeper *exec.Cmd
}

// newGuard starts the two shells. The folder is created later, when first needed, so it never
// exists without a sweeper to remove it.
func newGuard() (*guard, error) {
	root, err := filepath.Abs(os.TempDir())
	if err != nil {
		return nil, fmt.Errorf("find the temporary folder: %w", err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("open the guard's pipe: %w", err)
	}
	defer read.Close() //nolint:errcheck // the children have copies

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

// folder creates a subfolder of the guard's folder that only the user can open.
func (g *guard) folder(name string, as osUser) (string, error) {
	// The servers' user may pass through the outer folder but not list it. Chmod undoes the umask.
	// A TMPDIR that does not exist is not made: nothing would remove it.
	if err := os.Mkdir(g.dir, 0o711); err != nil && !errors.Is(err, os.ErrExist) {
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

// shell returns a POSIX shell in a new process group.
func shell(stdin *os.File, script string, args ...string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", append([]string{"-c", script, "triplecharge-guard"}, args...)...)
	cmd.Stdin = stdin
	cmd.Env = []string{"PATH=" + os.Getenv("PATH") + ":/usr/bin:/bin"}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// adopt makes a command, not yet started, join the guard's process group.
func (g *guard) adopt(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pgid = g.leader.Process.Pid
}

// close ends the process group, removes the folder, and waits for both.
func (g *guard) close() error {
	err := g.pipe.Close()
	// The leader first: until it is reaped, the sweeper sees it in the group and waits.
	g.leader.Wait() //nolint:errcheck // the sweeper may have ended it by a signal
	if swept := g.sweeper.Wait(); swept != nil {
		// The sweeper was killed or could not remove everything; RemoveAll's error says why.
		err = errors.Join(err, os.RemoveAll(g.dir))
	}
	return err
}
