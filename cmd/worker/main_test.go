package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/billing/stripetest"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/internal/stripesim/control"
	"example.com/triplecharge/ledger"
)

// workerVariable makes this test binary the worker: a real process with the real main function.
const workerVariable = "TRIPLECHARGE_TEST_IS_WORKER"

func TestMain(m *testing.M) {
	if os.Getenv(workerVariable) != "" {
		main()
	}
	servicetest.Main(m)
}

const token = "s3cret"

// world is what a worker needs, with Alice as the one customer.
type world struct {
	t       *testing.T
	env     []string // of a worker, all that it needs
	control *control.Client
	store   *ledger.Store
	charger *stripecharge.Client
	traffic *traffic

	customers int
}

func setup(t *testing.T) *world {
	t.Helper()
	seen := &traffic{}
	sim := stripetest.Start(t, seen.watch)
	database := servicetest.Database(t)
	w := &world{t: t, traffic: seen, control: control.New(sim.AdminURL(), ""), env: []string{
		"WORKER_NAME=server-a", "WORKER_AT=2026-12-01T00:00:00Z", "WORKER_FORCE_AT=true",
		"WORKER_LISTEN=127.0.0.1:0", "WORKER_TOKEN=" + token, "DATABASE_URL=" + database,
		"REDIS_URL=" + servicetest.Redis(t), "STRIPE_URL=" + sim.URL("server-a"),
	}}
	t.Cleanup(w.control.Close)
	var err error
	w.store, err = ledger.Open(t.Context(), database, ledger.Options{Recorder: "test"})
	must(t, err)
	t.Cleanup(w.store.Close)
	charger, err := stripecharge.New(stripecharge.Options{
		Key: stripecharge.SimulatorKey, URL: sim.URL("server-a"),
	})
	must(t, err)
	t.Cleanup(charger.Close)
	w.charger = charger
	w.add("alice")
	return w
}

func (w *world) addCustomers(n int) {
	w.t.Helper()
	for i := range n {
		w.add(fmt.Sprintf("customer-%d", i))
	}
}

func (w *world) add(id string) {
	w.t.Helper()
	s, err := w.charger.SetUp(w.t.Context(), billing.Subscription{
		ID: id, Customer: "Alice", PaymentMethod: "pm_card_visa", AmountMinor: 1000,
		Currency: "usd",
	})
	must(w.t, err)
	must(w.t, w.store.AddSubscriptions(w.t.Context(), []billing.Subscription{s}))
	w.customers++
}

// wantBilledOnce reads both sides.
func (w *world) wantBilledOnce() {
	w.t.Helper()
	charges, err := w.control.ChargesSoFar(w.t.Context())
	must(w.t, err)
	december, err := billing.ParsePeriod("2026-12")
	must(w.t, err)
	audit, err := w.store.Audit(w.t.Context(), december)
	must(w.t, err)
	charged := map[string]int{}
	for _, c := range charges {
		charged[c.Subscription]++
	}
	for _, line := range audit.Invoices {
		if line.Charges != 1 || charged[line.Subscription] != 1 {
			w.t.Errorf("%s has %d charges at Stripe and %d entries; want one of each",
				line.Subscription, charged[line.Subscription], line.Charges)
		}
	}
	if len(charges) != w.customers || len(audit.Invoices) != w.customers {
		w.t.Errorf("%d charges, %d invoices in the ledger; want %d of each", len(charges),
			len(audit.Invoices), w.customers)
	}
}

// process is a worker of its own.
type process struct {
	*exec.Cmd
	t      *testing.T
	url    string
	stderr bytes.Buffer  // read once exited is closed
	exited chan struct{} // closed when it has ended and its output is read
	events chan event.Event
}

// start starts a worker that has nothing but this environment and these arguments.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	w := &process{
		Cmd: exec.Command(self, args...), t: t,
		exited: make(chan struct{}), events: make(chan event.Event, 1000),
	}
	w.Env = append([]string{workerVariable + "=yes"}, env...)
	w.Stderr = &w.stderr
	stdout, err := w.StdoutPipe()
	must(t, err)
	must(t, w.Start())
	go func() {
		defer close(w.exited)
		defer close(w.events)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			e, err := event.Parse(lines.Bytes())
			if err != nil {
				t.Errorf("on standard output: %v", err)
			}
			w.events <- e
		}
		_ = w.Wait() // its status is looked at by the test
	}()
	t.Cleanup(func() {
		_ = w.Process.Kill()
		<-w.exited
	})
	return w
}

// wait returns the next event of that kind.
func (w *process) wait(kind event.Kind) event.Event {
	w.t.Helper()
	for e := range w.events {
		if e.Kind == kind {
			return e
		}
	}
	<-w.exited
	w.t.Fatalf("the worker ended without %s: %v %s", kind, w.ProcessState, w.stderr.String())
	return event.Event{}
}

// trigger asks for a due run and returns the status of the answer.
func (w *process) trigger() int {
	w.t.Helper()
	if w.url == "" {
		w.url = "http://" + w.wait(event.ServerListening).Address
	}
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url+"/runs", nil)
	must(w.t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	must(w.t, err)
	must(w.t, answer.Body.Close())
	return answer.StatusCode
}

func (w *process) wantExit(status int) {
	w.t.Helper()
	<-w.exited
	if got := w.ProcessState.ExitCode(); got != status {
		w.t.Errorf("got %v, want exit status %d: %s", w.ProcessState, status, w.stderr.String())
	}
}

func TestSIGTERMEndsAnIdleWorker(t *testing.T) {
	t.Parallel()
	w := start(t, setup(t).env, "--mode", "locked")
	w.wait(event.ServerListening)
	must(t, w.Process.Signal(syscall.SIGTERM))
	w.wantExit(0)
	if w.stderr.Len() > 0 {
		t.Errorf("it complained: %s", w.stderr.String())
	}
}

func TestSIGTERMLetsAChargeInFlightBeRecorded(t *testing.T) {
	t.Parallel()
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			world := setup(t)
			gate, err := world.control.Hold(t.Context(), control.Rule{Point: control.Executing})
			must(t, err)
			w := start(t, world.env, "--mode", "locked")
			if status := w.trigger(); status != http.StatusAccepted {
				t.Fatalf("POST /runs: %d", status)
			}
			_, _, err = gate.Waiting(t.Context(), 0)
			must(t, err)
			must(t, w.Process.Signal(sig))
			w.untilItStops()
			must(t, gate.Remove(t.Context()))
			w.wait(event.LedgerRecorded)
			w.wait(event.LeaseReleased)
			w.wait(event.RunFinished)
			w.wantExit(0)
			world.wantBilledOnce()
		})
	}
}

// untilItStops returns once the signal has been noticed.
func (w *process) untilItStops() {
	w.t.Helper()
	for {
		switch status := w.trigger(); status {
		case http.StatusConflict: // the run is on
		case http.StatusServiceUnavailable:
			return
		default:
			w.t.Fatalf("POST /runs: %d", status)
		}
	}
}

func TestASecondSIGTERMDoesNotWait(t *testing.T) {
	t.Parallel()
	world := setup(t)
	gate, err := world.control.Hold(t.Context(), control.Rule{Point: control.Executing})
	must(t, err)
	w := start(t, world.env, "--mode", "locked")
	w.trigger()
	_, _, err = gate.Waiting(t.Context(), 0)
	must(t, err)
	must(t, w.Process.Signal(syscall.SIGTERM))
	w.untilItStops()
	// The handler goes a moment after the first signal has been noticed.
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for ended := false; !ended; {
		select {
		case <-w.exited:
			ended = true
		case <-again.C:
			_ = w.Process.Signal(syscall.SIGTERM) // it fails if the process has ended
		}
	}
	if s, ok := w.ProcessState.Sys().(syscall.WaitStatus); !ok || s.Signal() != syscall.SIGTERM {
		t.Errorf("got %v, want it ended by the signal", w.ProcessState)
	}
}

func TestALiveKeyIsRefused(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "key")
	must(t, os.WriteFile(file, []byte("sk_live_hunter2\n"), 0o600))
	for _, key := range []string{"=sk_live_hunter2", "=rk_live_hunter2", "_FILE=" + file} {
		w := start(t, append(setup(t).env, "STRIPE_SECRET_KEY"+key), "--mode", "locked")
		w.wantExit(2)
		if e, ok := <-w.events; ok {
			t.Errorf("it began: %+v", e)
		}
		if s := w.stderr.String(); s == "" || strings.Contains(s, "hunter2") {
			t.Errorf("got %q, want a complaint without the key", s)
		}
	}
}

func TestHelpNamesEveryMode(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	must(t, err)
	help := exec.CommandContext(t.Context(), self, "--help")
	help.Env = []string{workerVariable + "=yes"}
	text, err := help.Output()
	must(t, err)
	for _, mode := range billing.Modes() {
		if !strings.Contains(string(text), "  "+mode.Name+" ") {
			t.Errorf("the help lacks %s:\n%s", mode.Name, text)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
