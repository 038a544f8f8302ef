package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/paymentintent"

	"example.com/triplecharge/internal/cli/clitest"
	"example.com/triplecharge/internal/stripesim/control"
)

// asCommand makes the test binary the command itself, for the tests that need a process.
const asCommand = "STRIPESIM_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// process is the command as a process of its own.
type process struct {
	*exec.Cmd
	addresses map[string]string // URL by what is served there
	errs      *bytes.Buffer
}

// start runs the command until the test ends, and returns once it serves.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{exec.Command(os.Args[0], args...), make(map[string]string), new(bytes.Buffer)}
	p.Env = append(os.Environ(), asCommand+"=1")
	p.Stderr = p.errs
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Process.Kill() // it may be gone already
		p.Wait()
	})
	lines := bufio.NewScanner(out)
	for p.addresses["control API"] == "" {
		if !lines.Scan() {
			t.Fatalf("it ended before it served: %s", p.errs)
		}
		what, address, ok := strings.Cut(lines.Text(), " on ")
		if !ok {
			t.Fatalf("it printed %q", lines.Text())
		}
		p.addresses[what] = address
	}
	return p
}

func intents(address string) paymentintent.Client {
	return paymentintent.Client{Key: "sk_test_x", B: stripe.GetBackendWithConfig(
		stripe.APIBackend, &stripe.BackendConfig{
			URL: stripe.String(address), MaxNetworkRetries: stripe.Int64(0),
			LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
		})}
}

func charge() *stripe.PaymentIntentParams {
	return &stripe.PaymentIntentParams{
		Amount: stripe.Int64(1000), Currency: stripe.String("usd"), Confirm: stripe.Bool(true),
		PaymentMethod: stripe.String("pm_card_visa"), OffSession: stripe.Bool(true),
	}
}

func TestServesUntilItIsTold(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			p := start(t, "--listen", "server-a=127.0.0.1:0", "--listen", "127.0.0.1:0",
				"--admin", "127.0.0.1:0")
			c := control.New(p.addresses["control API"], "")
			defer c.Close()
			i, err := intents(p.addresses["Stripe API for server-a"]).New(charge())
			if err != nil || i.Status != stripe.PaymentIntentStatusSucceeded {
				t.Fatalf("charge: %+v, %v", i, err)
			}
			charges, err := c.ChargesSoFar(t.Context())
			if err != nil || len(charges) != 1 || charges[0].Server != "server-a" {
				t.Errorf("the charges are %+v, %v", charges, err)
			}

			// A request that is held must not keep it from ending.
			gate, err := c.Hold(t.Context(), control.Rule{Point: control.Executing})
			if err != nil {
				t.Fatal(err)
			}
			held := make(chan error, 1)
			go func() { _, err := intents(p.addresses["Stripe API"]).New(charge()); held <- err }()
			if _, _, err := gate.Waiting(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			if err := p.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if err := p.Wait(); err != nil {
				t.Errorf("it ended with %v: %s", err, p.errs)
			}
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("it took %v to end", took)
			}
			if err := <-held; err == nil {
				t.Error("the request that was held was answered")
			}
		})
	}
}

func TestRefusesToStart(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() }) // not before the parallel tests below
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"on a port in use": {[]string{"--listen", taken.Addr().String(), "--admin",
			"127.0.0.1:0"}, "choose another port"},
		"on an admin port in use": {[]string{"--listen", "127.0.0.1:0", "--admin",
			taken.Addr().String()}, "choose another port"},
		"with controls for strangers": {[]string{"--listen", "127.0.0.1:0", "--admin",
			"0.0.0.0:0"}, "STRIPESIM_ADMIN_TOKEN"},
		"on what is no address": {[]string{"--admin", "here"}, "want an address"},
		"with an unknown flag":  {[]string{"--bogus"}, "--help"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			status := run(c.args, &out, &errs)
			if status == 0 || !strings.Contains(errs.String(), c.says) || out.Len() > 0 {
				t.Errorf("got %d, %q, want an error that says %q", status, &errs, c.says)
			}
		})
	}
}

func TestControlsBeyondLoopbackWithAToken(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	read, write := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- serve(ctx, &flags{Listen: []string{"127.0.0.1:0"}, Admin: "0.0.0.0:0"}, "secret",
			write, io.Discard)
		write.Close()
	}()
	lines := bufio.NewScanner(read)
	admin := ""
	for lines.Scan() && admin == "" {
		if _, address, ok := strings.Cut(lines.Text(), "control API on "); ok {
			admin = address
			break
		}
	}
	_, port, err := net.SplitHostPort(strings.TrimPrefix(admin, "http://"))
	if err != nil {
		t.Fatalf("it printed %q: %v", admin, err)
	}
	for token, allowed := range map[string]bool{"secret": true, "": false} {
		c := control.New("http://127.0.0.1:"+port, token)
		if _, err := c.Now(t.Context()); (err == nil) != allowed {
			t.Errorf("with the token %q: %v", token, err)
		}
		c.Close()
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("it ended with %v", err)
	}
}

func TestHealthcheck(t *testing.T) {
	t.Parallel()
	p := start(t, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	sick := httptest.NewServer(http.NotFoundHandler())
	defer sick.Close()
	for url, healthy := range map[string]bool{
		p.addresses["Stripe API"] + "/healthz": true,
		sick.URL:                               false,
		"http://127.0.0.1:1":                   false,
	} {
		status := run([]string{"--healthcheck", url}, io.Discard, io.Discard)
		if (status == 0) != healthy {
			t.Errorf("%s: %d", url, status)
		}
	}
}

func TestNonsenseIsRefused(t *testing.T) {
	t.Parallel()
	clitest.RefuseNonsense(t, program(), func() any { return new(flags) }, nil)
}

func TestHelpIsNoFailure(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if status := run([]string{"--help"}, &out, io.Discard); status != 0 {
		t.Error(status)
	}
	if !strings.Contains(out.String(), "--latency") {
		t.Errorf("it printed %s", out.String())
	}
}

func TestTheEndpointsAreATable(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if status := run([]string{"--endpoints"}, &out, io.Discard); status != 0 ||
		!strings.Contains(out.String(), "| `POST /v1/refunds` | `refunds.create` |\n") {
		t.Errorf("it printed %s, %d", out.String(), status)
	}
}

// TestTheReadmesCommandsWork runs what the simulator's README shows, in its order, with the
// addresses of a simulator of the test.
func TestTheReadmesCommandsWork(t *testing.T) {
	t.Parallel()
	needs(t, "bash with curl", "bash", "-c", "curl --version")
	readme, err := os.ReadFile("../../internal/stripesim/README.md")
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	for _, part := range strings.Split(string(readme), "```sh curl\n")[1:] {
		code, _, _ := strings.Cut(part, "```")
		script.WriteString(code)
	}
	if !strings.Contains(script.String(), "payment_intents") {
		t.Fatal("the README shows no commands")
	}
	p := start(t, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	commands := strings.NewReplacer(
		"http://127.0.0.1:12111", p.addresses["Stripe API"],
		"http://127.0.0.1:12112", p.addresses["control API"],
	).Replace(script.String())
	out, err := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", commands).
		CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	for _, want := range []string{`"status": "succeeded"`, "idempotency_error",
		`"decline_code": "generic_decline"`, "Idempotent-Replayed: true", `"revision"`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the commands do not show %s:\n%s", want, out)
		}
	}
}
