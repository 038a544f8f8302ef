package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/billing/stripetest"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/internal/stripesim/control"
	"example.com/triplecharge/internal/verdict"
	"example.com/triplecharge/ledger"
)

func TestMain(m *testing.M) {
	// Tests must not see variables that somebody has exported for a worker.
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "WORKER_") || name == "STRIPE_SECRET_KEY" ||
			name == "STRIPE_URL" {
			if err := os.Unsetenv(name); err != nil {
				panic(err)
			}
		}
	}
	status := servicetest.Run(m)
	if status == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
	}
	os.Exit(status)
}

const testToken = "s3cret"

// world has what servers need: a ledger, a Redis, and a Stripe with an address for each server.
type world struct {
	t        *testing.T
	database string
	redis    string
	stripe   map[string]string // by server
	control  *control.Client
	store    *ledger.Store
	charger  *stripecharge.Client
}

// setup returns a world with a subscription for each card; cards has them by subscription ID.
func setup(t *testing.T, cards map[string]string) *world {
	t.Helper()
	return setupAt(t, servicetest.Database(t), cards)
}

func setupAt(t *testing.T, database string, cards map[string]string) *world {
	t.Helper()
	w := &world{
		t: t, database: database, redis: servicetest.Redis(t), stripe: map[string]string{},
	}
	sim := stripetest.Start(t)
	for _, name := range []string{"server-a", "server-b", "server-c"} {
		w.stripe[name] = sim.URL(name)
	}
	w.control = control.New(sim.AdminURL(), "")
	t.Cleanup(w.control.Close)

	var err error
	w.store, err = ledger.Open(t.Context(), w.database, ledger.Options{Recorder: "test"})
	must(t, err)
	t.Cleanup(w.store.Close)
	w.charger, err = stripecharge.New(stripecharge.Options{
		Key: stripecharge.SimulatorKey, URL: w.stripe["server-a"],
	})
	must(t, err)
	t.Cleanup(w.charger.Close)
	for id, card := range cards {
		w.add(id, card)
	}
	return w
}

// add adds a subscription, or gives it another customer with that card.
// add adds a subscription, or replaces its card, and returns the payment method.
func (w *world) add(id, card string) string {
	w.t.Helper()
	s, err := w.charger.SetUp(w.t.Context(), billing.Subscription{
		ID: id, Customer: id, PaymentMethod: card, AmountMinor: 1000, Currency: "usd",
	})
	must(w.t, err)
	must(w.t, w.store.AddSubscriptions(w.t.Context(), []billing.Subscription{s}))
	return s.PaymentMethod
}

func onlyAlice() map[string]string { return map[string]string{"alice": "pm_card_visa"} }

// config returns the Config of a server in this world that waits to be triggered for December.
func (w *world) config(name, mode string) Config {
	return Config{
		Name: name, Mode: mode, At: "2026-12-01T00:00:00Z", ForceAt: true, Timezone: "UTC",
		Listen:      "127.0.0.1:0",
		DatabaseURL: w.database, RedisURL: w.redis, StripeURL: w.stripe[name],
		LockTTL: 30 * time.Second, ClaimTTL: time.Minute, StripeTimeout: 10 * time.Second,
		Concurrency: 4, LogFormat: "json",
	}
}

// node is a server that runs in this process.
type node struct {
	*eventLog
	t    *testing.T
	stop context.CancelFunc // as SIGTERM does
	done chan error         // receives the server's error
	url  string             // "" if it doesn't listen
}

// start runs a server until the test ends. If it has an address, start returns when it listens.
func start(t *testing.T, c Config) *node {
	t.Helper()
	return startWith(t, c, unchanged)
}

// startWith is start with the mode changed.
func startWith(t *testing.T, c Config, change Change) *node {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	secrets := Secrets{Token: testToken, Webhook: testWebhook}
	n := &node{eventLog: newEventLog(), t: t, stop: cancel, done: make(chan error, 1)}
	go func() {
		n.done <- runWith(ctx, c, secrets, n.eventLog, change)
		n.eventLog.close()
	}()
	t.Cleanup(func() {
		cancel()
		for range n.lines(0) { // until the server ends
		}
		n.wantKnownFields(t)
	})
	if c.Listen != "" {
		n.url = "http://" + n.wait(event.ServerListening, "").Address
	}
	return n
}

// reply is an answer of the API.
type reply struct {
	Status   int
	Location string
	RunView  // its Error is also that of a refusal
}

// ask sends a request to the server.
func (n *node) ask(method, path string) reply {
	n.t.Helper()
	r, err := ask(n.t.Context(), n.url, method, path, "")
	must(n.t, err)
	return r
}

func ask(ctx context.Context, url, method, path, body string) (reply, error) {
	r, err := http.NewRequestWithContext(ctx, method, url+path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	r.Header.Set("Authorization", "Bearer "+testToken)
	// One connection per request, so that none stays open.
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	got := reply{Status: answer.StatusCode, Location: answer.Header.Get("Location")}
	return got, json.NewDecoder(answer.Body).Decode(&got.RunView)
}

// run triggers a due run and waits for its end.
func (n *node) run() RunView {
	n.t.Helper()
	started := n.ask(http.MethodPost, "/runs")
	if started.Status != http.StatusAccepted {
		n.t.Fatalf("POST /runs: %+v", started)
	}
	return n.ask(http.MethodGet, started.Location+"?wait=true").RunView
}

// hold returns a gate at which Stripe holds all charges.
func (w *world) hold(point control.Point) *control.Gate {
	w.t.Helper()
	gate, err := w.control.Hold(w.t.Context(), control.Rule{
		Point: point, Operation: control.OperationCharge,
	})
	must(w.t, err)
	return gate
}

// waitAt returns when that many calls wait at the gate.
func waitAt(t *testing.T, gate *control.Gate, n int) {
	t.Helper()
	for revision := int64(-1); ; {
		calls, next, err := gate.Waiting(t.Context(), revision)
		must(t, err)
		if len(calls) >= n {
			return
		}
		revision = next
	}
}

// want compares both sides of an invoice for December: Stripe's charges and the ledger's entries.
func (w *world) want(subscription string, want verdict.Counts) {
	w.t.Helper()
	december, err := billing.ParsePeriod("2026-12")
	must(w.t, err)
	var got verdict.Counts
	charges, err := w.control.ChargesSoFar(w.t.Context())
	must(w.t, err)
	for _, c := range charges {
		if c.Subscription == subscription && c.Period == december.String() {
			got.Charges++
		}
	}
	audit, err := w.store.Audit(w.t.Context(), december)
	must(w.t, err)
	for _, line := range audit.Invoices {
		if line.Subscription == subscription {
			got.Entries += line.Charges
		}
	}
	if got != want {
		w.t.Errorf("%s has %v, want %v", subscription, got, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// unset removes a variable; t.Setenv makes sure that it is restored.
func unset(t *testing.T, name string) {
	t.Helper()
	must(t, os.Unsetenv(name))
}

func startRun(n *node) error {
	if r := n.ask(http.MethodPost, "/runs"); r.Status != http.StatusAccepted {
		return fmt.Errorf("POST /runs: %+v", r)
	}
	return nil
}
