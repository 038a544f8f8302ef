package main

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// verdicts puts a worker on trial, and returns the verdict of each fault.
func verdicts(t *testing.T, args ...string) map[string]string {
	t.Helper()
	_, out, log := demo(t, append([]string{"trial", "--json"}, args...)...)
	var said struct {
		Rows []struct{ Fault, Verdict string }
	}
	if err := json.Unmarshal([]byte(out), &said); err != nil {
		t.Fatalf("%v in %s: %s", err, out, log)
	}
	verdicts := map[string]string{}
	for _, row := range said.Rows {
		verdicts[row.Fault] = row.Verdict
	}
	return verdicts
}

// Each example is judged as docs/your-worker.md says.
func TestTheExamplesComeToTheirRows(t *testing.T) {
	t.Parallel()
	const examples = "../../scripts/examples/"
	sdk := filepath.Join(t.TempDir(), "sdk")
	for _, tt := range []struct {
		name    string
		needs   []string
		command []string
		right   string
		over    string
		un      string
	}{
		{
			"Python without anything", []string{"/usr/bin/python3", "-c", "import stripe"},
			[]string{"--setup", examples + "python/customers.py",
				"--", examples + "python/worker.py"},
			"", "none late lost-reply key-expired", "",
		},
		{
			"Python with the invoice as the key",
			[]string{"/usr/bin/python3", "-c", "import stripe"},
			[]string{"--setup", examples + "python/customers.py", "--invoice", "metadata.invoice",
				"--", examples + "python/worker_with_key.py"},
			"none crash-after-charge lost-reply", "key-expired", "stripe-500-before",
		},
		{
			"bash with a claim", []string{"curl", "--version"},
			[]string{"--", examples + "shell/worker.sh"},
			"none late pause crash-after-charge key-expired declined-then-fixed", "",
			"crash-before-charge stripe-500-before",
		},
		{
			"Go as the SDK comes",
			[]string{"go", "build", "-C", examples + "sdk", "-o", sdk, "."},
			[]string{"--", sdk}, "", "none lost-reply stripe-500-before", "",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			probe := exec.CommandContext(t.Context(), tt.needs[0], tt.needs[1:]...)
			if out, err := probe.CombinedOutput(); err != nil {
				if os.Getenv("STRIPE_CLIENTS") == "required" || tt.needs[0] == "go" {
					t.Fatalf("%s: %v: %s", probe, err, out)
				}
				t.Skipf("%s fails on this machine; STRIPE_CLIENTS=required fails instead", probe)
			}
			want := map[string]string{"alone": "right"}
			var args []string
			for verdict, faults := range map[string]string{
				"right": tt.right, "overcharged": tt.over, "unbilled": tt.un,
			} {
				for _, f := range strings.Fields(faults) {
					args, want[f] = append(args, "--fault", f), verdict
				}
			}
			if got := verdicts(t, append(args, tt.command...)...); !maps.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestATrialThatCanNotBePlayedIsAnErrorOfUsage(t *testing.T) {
	t.Parallel()
	for says, args := range map[string][]string{
		"no worker: give its command after --":    nil,
		"the worker can't be run":                 {"--", "no-such-worker"},
		"--invoice: want metadata.KEY":            {"--invoice", "order", "--", "true"},
		"mixed-modes can't be made from outside":  {"--fault", "mixed-modes", "--", "true"},
		"redis-down can't be made from outside":   {"--fault", "redis-down", "--", "true"},
		"--junit: /no/such/folder/x can't be wri": {"--junit", "/no/such/folder/x", "--", "true"},
	} {
		status, out, log := demo(t, append([]string{"trial"}, args...)...)
		if status != 2 || out != "" || !strings.Contains(log, says) {
			t.Errorf("%q: exit status %d, %q, %q, want 2 and: %s", args, status, out, log, says)
		}
	}
}

func TestATrialIsRefusedALiveKey(t *testing.T) {
	t.Setenv("MY_STRIPE_KEY", "sk_live_123")
	if status, _, log := demo(t, "trial", "--", "true"); status != 2 ||
		!strings.Contains(log, "MY_STRIPE_KEY in the environment is a live key") {
		t.Errorf("exit status %d, %q, want 2 and which variable it is", status, log)
	}
}

// TRIALS=200 plays that many; a tenth of them is interrupted at some moment.
func TestTrialsLeaveNothing(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/cwd"); err != nil {
		t.Skip("this system has no /proc, by which processes are found here")
	}
	trials := 3
	if n, err := strconv.Atoi(os.Getenv("TRIALS")); err == nil {
		trials = n
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	signals := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL}
	for n := range trials {
		dir, trial, log := startDemo(t, "trial", "--fault", "pause", "--html", "page.html", "--",
			"sh", "-c", `[ $SERVER_NAME != server-b ] || sleep 1000 >/dev/null 2>&1 &
"$0" charge`, self)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for log.Scan() {
			}
		}()
		want := 1 // overcharged
		if n%10 == 1 {
			time.Sleep(rand.N(2 * time.Second)) // anywhere in it
			s := signals[n/10%len(signals)]
			if err := trial.Process.Signal(s); err == nil {
				if want = 130; s == syscall.SIGKILL {
					want = -1
				}
			}
		}
		<-ended
		_ = trial.Wait() // its status is checked below
		if got := trial.ProcessState.ExitCode(); got != want && n%10 != 1 {
			t.Errorf("trial %d: exit status %d, want %d", n, got, want)
		}
		if err := os.Remove(filepath.Join(dir, "page.html")); err != nil && want == 1 {
			t.Error(err)
		}
		if want == -1 { // nobody is left who could remove what is half written
			for _, half := range globbed(filepath.Join(dir, ".demo-*")) {
				_ = os.Remove(half)
			}
		}
		goneWithin(t, goneLimit, dir)
	}
}

func globbed(pattern string) []string {
	found, _ := filepath.Glob(pattern) // it fails only for a malformed pattern
	return found
}

// charge is a worker without any protection.
func charge() int {
	form := url.Values{
		"amount": {"1000"}, "currency": {"usd"}, "payment_method": {os.Getenv("PAYMENT_METHOD")},
		"confirm": {"true"}, "off_session": {"true"},
	}
	r, err := http.NewRequest(http.MethodPost,
		os.Getenv("STRIPE_API_BASE")+"/v1/payment_intents", strings.NewReader(form.Encode()))
	if err != nil {
		return 1
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(os.Getenv("STRIPE_SECRET_KEY"), "")
	answer, err := http.DefaultClient.Do(r)
	if err != nil || answer.Body.Close() != nil {
		return 1
	}
	return 0
}
