package command

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// killer stands before Stripe and sends a signal to a process at some request: before the request
// arrives, between its execution and its reply, or after the reply.
type killer struct {
	api    http.Handler
	signal syscall.Signal

	mu      sync.Mutex
	process *os.Process
	left    int // requests until the signal
	kind    int
}

func (k *killer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	k.left--
	now, kind := k.left == 0, k.kind
	k.mu.Unlock()
	switch {
	case !now:
		k.api.ServeHTTP(w, r)
	case kind == 0:
		k.kill()
		panic(http.ErrAbortHandler)
	case kind == 1:
		k.api.ServeHTTP(httptest.NewRecorder(), r)
		k.kill()
		panic(http.ErrAbortHandler)
	default:
		k.api.ServeHTTP(w, r)
		k.kill()
	}
}

func (k *killer) kill() {
	k.mu.Lock()
	defer k.mu.Unlock()
	_ = k.process.Signal(k.signal)
}

// run runs the command in its own process, until it ends or gets the signal.
func (k *killer) run(t *testing.T, left, kind int, args ...string) (*os.ProcessState, string) {
	t.Helper()
	self, err := os.Executable()
	must(err)
	cmd := exec.Command(self, append([]string{reconcileArg}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	k.mu.Lock()
	must(cmd.Start())
	k.process, k.left, k.kind = cmd.Process, left, kind
	k.mu.Unlock()
	_ = cmd.Wait() // its status is read below
	return cmd.ProcessState, output.String()
}

func TestAProcessThatIsKilledCanBeRunAgain(t *testing.T) {
	t.Parallel()
	var ids []string
	for n := range 40 {
		ids = append(ids, fmt.Sprintf("customer-%02d", n))
	}
	w := newWorld(t, ids...)
	w.dueRun("server-a", "server-b", "server-c")
	k := &killer{api: w.api, signal: syscall.SIGKILL}
	server := httptest.NewServer(k)
	t.Cleanup(server.Close)
	w.url = server.URL

	random := rand.New(rand.NewPCG(1, 2))
	const kills = 20
	for n := range kills {
		state, out := k.run(t, 1+random.IntN(12), random.IntN(3), w.args("--apply")...)
		if status := state.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGKILL {
			t.Errorf("run %d: %v, want it killed: %s", n, state, out)
		}
	}
	if state, out := k.run(t, 0, 0, w.args("--apply")...); state.ExitCode() != 0 {
		t.Errorf("after %d kills: %v: %s", kills, state, out)
	}
	w.wantPutRight(40, 3)
	if state, out := k.run(t, 0, 0, w.args()...); state.ExitCode() != 0 ||
		!strings.Contains(out, "Nothing to do.") {
		t.Errorf("again: %v, want nothing to do: %s", state, out)
	}
}

func TestAProcessThatIsAskedToEndFinishesWhatItBegan(t *testing.T) {
	t.Parallel()
	var ids []string
	for n := range 40 {
		ids = append(ids, fmt.Sprintf("customer-%02d", n))
	}
	w := newWorld(t, ids...)
	w.dueRun("server-a", "server-b")
	k := &killer{api: w.api, signal: syscall.SIGTERM}
	server := httptest.NewServer(k)
	t.Cleanup(server.Close)
	w.url = server.URL
	state, out := k.run(t, 20, 2, w.args("--apply")...)
	if state.ExitCode() != 130 || !strings.Contains(out, "run it again") {
		t.Errorf("%v, want exit status 130 and what to do: %s", state, out)
	}
	// Every refund at Stripe is in the ledger, so there is only something to refund.
	dry := w.document(1)
	for _, i := range dry.Found.Invoices {
		if i.RefundedMinor != i.EnteredRefundsMinor {
			t.Errorf("%+v: want each refund that was made recorded", i)
		}
	}
	if state, out := k.run(t, 0, 0, w.args("--apply")...); state.ExitCode() != 0 {
		t.Errorf("again: %v: %s", state, out)
	}
	w.wantPutRight(40, 2)
}

func TestStandardInputThatNeverComesIsNotWaitedForAfterASignal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	self, err := os.Executable()
	must(err)
	cmd := exec.Command(self, reconcileArg, "suspects", "--json", "-")
	cmd.Env = []string{"TMPDIR=" + dir}
	_, err = cmd.StdinPipe() // nobody writes to it
	must(err)
	must(cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	for copied := 0; copied == 0 && t.Context().Err() == nil; runtime.Gosched() {
		files, err := os.ReadDir(dir)
		must(err)
		copied = len(files)
	}
	must(cmd.Process.Signal(syscall.SIGTERM))
	_ = cmd.Wait() // its status is read below
	if left, _ := os.ReadDir(dir); cmd.ProcessState.ExitCode() != 130 || len(left) > 0 {
		t.Errorf("%v, and %v is left, want 130 and nothing", cmd.ProcessState, left)
	}
}
