package services

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// childVariable tells the test binary to be a program that uses services, which tests then kill.
// Its value says how it behaves.
const (
	childVariable  = "SERVICES_TEST_CHILD"
	plain          = "plain"
	handlesSignals = "handles signals"
)

func TestMain(m *testing.M) {
	behaviour, isChild := os.LookupEnv(childVariable)
	if !isChild {
		goleak.VerifyTestMain(m)
		return
	}
	ctx := context.Background()
	if behaviour == handlesSignals {
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, os.Interrupt)
		defer stop()
	}
	childMain(ctx)
}

// childMain starts the services, says so on standard output, and waits to be ended.
func childMain(ctx context.Context) {
	s, err := Start(ctx, Options{})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	if _, err := s.StartRedis(ctx); err != nil {
		fmt.Println("error:", err)
	}
	fmt.Println("ready", s.DatabaseURL(), s.RedisURL())
	ended := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin) //nolint:errcheck // its end is all that matters
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	if err := s.Close(); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

// child is this test binary, run as a program that uses services.
type child struct {
	*exec.Cmd
	t     *testing.T
	tmp   string
	out   *bufio.Reader
	stdin io.Closer
}

// newChild returns a child with an almost empty environment and a temporary folder of its own,
// not started yet.
func newChild(t *testing.T, tmp, behaviour string) *child {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	c := &child{Cmd: exec.Command(exe), t: t, tmp: tmp}
	c.Env = []string{childVariable + "=" + behaviour, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + tmp}
	c.Stderr = os.Stderr
	// A group of its own, so that a test can do to it what a terminal does on Ctrl-C.
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := c.StdoutPipe()
	must(t, err)
	c.out = bufio.NewReader(out)
	c.stdin, err = c.StdinPipe()
	must(t, err)
	return c
}

func (c *child) start() {
	c.t.Helper()
	must(c.t, c.Start())
	c.t.Cleanup(func() {
		c.Process.Kill() //nolint:errcheck // it fails if the test has already ended it
		c.Wait()         //nolint:errcheck // as above
	})
}

// line returns the next line that the child printed.
func (c *child) line() string {
	c.t.Helper()
	line, err := c.out.ReadString('\n')
	if err != nil {
		c.t.Fatalf("read what the child says: %v", err)
	}
	return strings.TrimSpace(line)
}

// goneWithin fails the test unless, before the limit, the folder is empty and no process works in
// it. A server's working folder lies in there, and stays known when it is removed.
func goneWithin(t *testing.T, limit time.Duration, tmp string) {
	t.Helper()
	eventually(t, limit, func() error {
		if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
			return fmt.Errorf("left on disk: %v %v", left, err)
		}
		if left := processesIn(tmp); len(left) > 0 {
			return fmt.Errorf("left running: %q", left)
		}
		return nil
	})
}

// processesIn lists the processes whose working folder is or was under dir. It sees none on a
// system without /proc.
func processesIn(dir string) []string {
	var found []string
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range links {
		if cwd, err := os.Readlink(link); err == nil && strings.HasPrefix(cwd, dir+"/") {
			args, _ := os.ReadFile(filepath.Join(filepath.Dir(link), "cmdline"))
			found = append(found, link+" "+strings.ReplaceAll(string(args), "\x00", " "))
		}
	}
	return found
}

// eventually fails the test unless the condition holds (returns nil) before the limit.
func eventually(t *testing.T, limit time.Duration, condition func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := condition()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %v: %v", limit, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// tempDir returns a folder that other users can pass through, as /tmp is; t.TempDir is closed to
// them, and as root the servers run as another user.
func tempDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	must(t, os.Chmod(dir, 0o755))
	return dir
}

// bare is a machine with nothing on it, whose downloads come from the repository.
func bare(t *testing.T, repository string) *machine {
	nothing := func(string) (string, error) { return "", exec.ErrNotFound }
	return &machine{lookPath: nothing, repository: repository, cache: t.TempDir()}
}

// start returns running services that end with the test.
func start(t *testing.T, o Options) *Services {
	t.Helper()
	s, err := Start(t.Context(), o)
	must(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the services: %v", err)
		}
	})
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
