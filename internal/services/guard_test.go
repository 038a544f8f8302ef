package services

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// goneLimit is the time for a guard to end the programs of a process that has ended and to remove
// their files: a second, and more on a busy machine.
const goneLimit = 30 * time.Second

func TestNothingIsLeftWhenTheProgramEnds(t *testing.T) {
	t.Parallel()
	group := func(c *child, signal syscall.Signal) error {
		return syscall.Kill(-c.Process.Pid, signal)
	}
	for _, tt := range []struct {
		name      string
		behaviour string
		end       func(c *child) error
	}{
		{"by itself", plain, func(c *child) error { return c.stdin.Close() }},
		{"by kill -9", plain, func(c *child) error { return c.Process.Kill() }},
		{"by kill -9 of its whole group", plain, func(c *child) error {
			return group(c, syscall.SIGKILL)
		}},
		{"by Ctrl-C that it does not handle", plain, func(c *child) error {
			return group(c, syscall.SIGINT)
		}},
		{"by Ctrl-C that it handles", handlesSignals, func(c *child) error {
			return group(c, syscall.SIGINT)
		}},
		{"by the terminal's end", plain, func(c *child) error { return group(c, syscall.SIGHUP) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newChild(t, tempDir(t), tt.behaviour)
			c.start()
			if said := c.line(); !strings.HasPrefix(said, "ready ") {
				t.Fatalf("the child says %q, want ready", said)
			}
			if left, err := os.ReadDir(c.tmp); err != nil || len(left) != 1 {
				t.Fatalf("the child made %v in its temporary folder (%v), want one", left, err)
			}
			must(t, tt.end(c))
			goneWithin(t, goneLimit, c.tmp)
		})
	}
}

func TestNothingIsLeftWhenTheProgramIsKilledWhileStarting(t *testing.T) {
	t.Parallel()
	for _, sight := range []string{
		"*",                        // the folder has just been made
		"*/postgres/data",          // initdb runs
		"*/postgres/data/global/*", // initdb writes the catalogue
		"*/*/data/postmaster.opts", // Postgres starts
	} {
		t.Run(strings.ReplaceAll(sight, "/", " "), func(t *testing.T) {
			t.Parallel()
			c := newChild(t, tempDir(t), plain)
			c.start()
			eventually(t, startLimit, func() error {
				if seen, err := filepath.Glob(filepath.Join(c.tmp, sight)); len(seen) == 0 {
					return errors.Join(err, errors.New("it has not come that far"))
				}
				return nil
			})
			must(t, c.Process.Kill())
			goneWithin(t, goneLimit, c.tmp)
		})
	}
}

func TestNothingIsLeftWhenStartIsInterrupted(t *testing.T) {
	t.Parallel()
	c := newChild(t, tempDir(t), handlesSignals)
	c.start()
	eventually(t, startLimit, func() error {
		_, err := os.Stat(filepath.Join(firstIn(c.tmp), "postgres", "data"))
		return err
	})
	must(t, c.Process.Signal(os.Interrupt))
	if said := c.line(); !strings.HasPrefix(said, "error: ") ||
		!strings.Contains(said, "context canceled") || strings.Contains(said, "Ways out") {
		t.Errorf("the child says %q, want that it was cancelled, without advice", said)
	}
	goneWithin(t, goneLimit, c.tmp)
}

// firstIn is the path of the first entry in a folder, or of none.
func firstIn(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		return filepath.Join(dir, "nothing yet")
	}
	return filepath.Join(dir, entries[0].Name())
}

func TestAStoppedServerIsEndedToo(t *testing.T) {
	t.Parallel()
	c := newChild(t, tempDir(t), plain)
	c.start()
	c.line()
	pidfile, err := os.ReadFile(filepath.Join(firstIn(c.tmp), "postgres", "data", "postmaster.pid"))
	must(t, err)
	postmaster, err := strconv.Atoi(strings.SplitN(string(pidfile), "\n", 2)[0])
	must(t, err)
	must(t, syscall.Kill(postmaster, syscall.SIGSTOP))
	must(t, c.Process.Kill())
	goneWithin(t, goneLimit, c.tmp)
}

func TestAnAdoptedCommandEndsWithTheProgram(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"that obeys":           "echo ready; sleep 60",
		"that ignores signals": "trap '' INT; echo ready; sleep 60",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, err := newGuard()
			must(t, err)
			cmd := exec.Command("/bin/sh", "-c", script)
			g.adopt(cmd)
			out, err := cmd.StdoutPipe()
			must(t, err)
			must(t, cmd.Start())
			_, err = bufio.NewReader(out).ReadString('\n')
			must(t, err)
			waited := make(chan error, 1)
			go func() { waited <- cmd.Wait() }()
			// What the guard sees when we die is the end of the pipe.
			must(t, g.close())
			if err := <-waited; err == nil {
				t.Error("the command ended by itself, want it ended by a signal")
			}
		})
	}
}

func TestTheFolderIsRemovedWhenTheGuardWasKilled(t *testing.T) {
	t.Parallel()
	g, err := newGuard()
	must(t, err)
	dir, err := g.folder("some", osUser{})
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	must(t, g.sweeper.Process.Kill())
	must(t, g.close())
	if _, err := os.Stat(g.dir); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
}
