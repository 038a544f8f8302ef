package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// goneLimit is the time for the guards to end the programs of a demo that has ended and to remove
// their files: a second, and more on a busy machine.
const goneLimit = 30 * time.Second

func TestAMatrixThatIsInterruptedLeavesNothing(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/cwd"); err != nil {
		t.Skip("this system has no /proc, by which processes are found here")
	}
	for _, tt := range []struct {
		name   string
		lines  int // of the log, before the signal
		signal syscall.Signal
		status int
	}{
		{"when Postgres is up", 1, syscall.SIGINT, 130},
		{"when a cell is over", 2, syscall.SIGINT, 130},
		{"among cells", 5, syscall.SIGTERM, 130},
		{"by kill -9", 4, syscall.SIGKILL, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir, matrix, log := startMatrix(t)
			var said []string
			for range tt.lines {
				if !log.Scan() {
					t.Fatalf("it ended after %q", said)
				}
				said = append(said, log.Text())
			}
			if len(processesIn(dir)) == 0 {
				t.Errorf("no process of it is seen after %q", said)
			}
			if err := matrix.Process.Signal(tt.signal); err != nil {
				t.Fatal(err)
			}
			for log.Scan() {
				said = append(said, log.Text())
			}
			_ = matrix.Wait() // its status is checked below
			if got := matrix.ProcessState.ExitCode(); got != tt.status {
				t.Errorf("exit status %d, want %d; it said %q", got, tt.status, said)
			}
			goneWithin(t, goneLimit, dir)
		})
	}
}

// startMatrix starts a matrix with every kind of process: servers that are stopped, killed and
// restarted, Redis nodes, a replica. It returns the working folder of all its processes, and its
// log.
func startMatrix(t *testing.T) (dir string, matrix *exec.Cmd, log *bufio.Scanner) {
	t.Helper()
	return startDemo(t, "matrix", "--parallel", "4", "--mode", "locked,redlock,exactly-once",
		"--fault", "pause,slow-stripe,crash-before-charge,redis-failover")
}

// startDemo starts a demo whose processes all work in one folder, and returns the folder and the
// log.
func startDemo(t *testing.T, args ...string) (dir string, demo *exec.Cmd, log *bufio.Scanner) {
	t.Helper()
	dir = t.TempDir()
	// Postgres must be able to pass through; it runs as another user if we are root.
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	demo = exec.Command(self, args...)
	demo.Dir = dir
	demo.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + dir}
	stderr, err := demo.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = demo.Process.Kill() // it fails once it has ended
		_ = demo.Wait()
	})
	return dir, demo, bufio.NewScanner(stderr)
}

// goneWithin fails the test unless, before the limit, the folder is empty and no process works in
// it.
func goneWithin(t *testing.T, limit time.Duration, dir string) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		processes := processesIn(dir)
		if len(files) == 0 && len(processes) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v after its end there are %v and %q", limit, files, processes)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// processesIn lists the processes whose working folder is or was the folder, or one in it.
func processesIn(dir string) (found []string) {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd") // it fails only for a malformed pattern
	for _, link := range links {
		cwd, err := os.Readlink(link)
		if err != nil || cwd != dir && !strings.HasPrefix(cwd, dir+"/") {
			continue
		}
		args, _ := os.ReadFile(filepath.Join(filepath.Dir(link), "cmdline"))
		found = append(found, fmt.Sprintf("%s %q", link, args))
	}
	return found
}
