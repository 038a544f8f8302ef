package browsertest

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// served is a `demo serve` for one test.
type served struct {
	url  string
	exe  string // the program, which also runs as its servers
	temp string // its temporary folder
	cmd  *exec.Cmd
	log  bytes.Buffer  // read once over is closed
	over chan struct{} // closed when it has ended
}

// serve builds the demo and starts its page.
func serve(t *testing.T) *served {
	t.Helper()
	dir := t.TempDir()
	s := &served{
		exe: filepath.Join(dir, "demo"), temp: filepath.Join(dir, "temp"),
		over: make(chan struct{}),
	}
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	// A name of its own distinguishes its processes from those of other tests.
	if err := os.Link(program, s.exe); err != nil {
		t.Fatal(err)
	}
	// Postgres' user must be able to read it.
	if err := os.Mkdir(s.temp, 0o711); err != nil {
		t.Fatal(err)
	}
	for at := s.temp; at != os.TempDir() && at != "/"; at = filepath.Dir(at) {
		if err := os.Chmod(at, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	s.cmd = exec.Command(s.exe, "serve", "--listen", "127.0.0.1:0", "--latency", "50ms")
	s.cmd.Env = append(os.Environ(), "TMPDIR="+s.temp, "STRIPE_SECRET_KEY=")
	s.cmd.Stderr = &s.log
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	go func() {
		_ = s.cmd.Wait() // stop checks the exit status
		close(s.over)
	}()
	t.Cleanup(func() { s.stop(t) })
	if err != nil {
		t.Fatalf("it did not say where it is: %v", err)
	}
	s.url = strings.TrimSpace(line)
	return s
}

// program is the path of the built demo, "" before it is built.
var program string

// built builds the demo, once.
var built = sync.OnceValues(func() (string, error) {
	// Beside the tests' folders, as a link leads to no other file system.
	dir, err := os.MkdirTemp("", "demo-*")
	if err != nil {
		return "", err
	}
	program = filepath.Join(dir, "demo")
	build := exec.Command("go", "build", "-o", program, "./cmd/demo")
	build.Dir = "../../.."
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the demo: %w: %s", err, out)
	}
	return program, nil
})

// TestMain removes the built demo.
func TestMain(m *testing.M) {
	status := m.Run()
	if program != "" {
		_ = os.RemoveAll(filepath.Dir(program))
	}
	os.Exit(status)
}

// stopLimit is the time the page has to end everything it has started.
const stopLimit = 20 * time.Second

// stop sends Ctrl-C. It may be called twice.
func (s *served) stop(t *testing.T) {
	t.Helper()
	_ = s.cmd.Process.Signal(syscall.SIGINT) // it fails if the process has ended
	select {
	case <-s.over:
	case <-time.After(stopLimit):
		_ = s.cmd.Process.Kill()
		<-s.over
		t.Errorf("it did not end within %v", stopLimit)
	}
	if t.Failed() {
		t.Log(s.log.String())
	}
}

// processes returns the processes that run the program.
func (s *served) processes(t *testing.T) []string {
	t.Helper()
	var found []string
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if exe, err := os.Readlink(link); err == nil && exe == s.exe {
			found = append(found, filepath.Dir(link))
		}
	}
	return found
}

// midnight starts a run as a form without a script would, and returns its address.
func (s *served) midnight(t *testing.T, mode, fault string) string {
	t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	r, err := client.PostForm(s.url+"/runs", url.Values{"mode": {mode}, "fault": {fault}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusSeeOther {
		t.Fatalf("it answered %s", r.Status)
	}
	return r.Header.Get("Location")
}

// verdict follows a run until it is over, and returns its result.
func (s *served) verdict(t *testing.T, address string) string {
	t.Helper()
	r, err := http.Get(s.url + address + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	for lines := bufio.NewScanner(r.Body); lines.Scan(); {
		if line := lines.Text(); strings.Contains(line, `"over":true`) {
			return line
		}
	}
	t.Fatalf("%s ended without a verdict", address)
	return ""
}
