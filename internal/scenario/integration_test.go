package scenario

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/fleet"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/internal/stripesim/control"
	"example.com/triplecharge/internal/verdict"
	"example.com/triplecharge/internal/worker"
)

// workerArg, as the first argument, makes this test binary a billing server.
const workerArg = "worker"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == workerArg {
		os.Exit(worker.Main(os.Args[2:], os.Stdout, os.Stderr))
	}
	if len(os.Args) > 2 && os.Args[1] == sabotagedArg {
		guard := os.Args[2]
		os.Exit(worker.MainWith(os.Args[3:], sabotagedOutput(guard), os.Stderr, sabotaged(guard)))
	}
	servicetest.Main(m)
}

// The tests called Integration check the claims of the README with real processes, a real Postgres
// and a real Redis: in Docker's containers where there is Docker, and always with SERVICES=docker.

func TestIntegrationThreeServersFireTogether(t *testing.T) {
	t.Parallel()
	for _, customers := range []int{1, 50} {
		for mode, want := range map[string]verdict.Counts{
			"uncoordinated": {Charges: 3, Entries: 3},
			"naive-lock":    {Charges: 1, Entries: 1},
			"locked":        {Charges: 1, Entries: 1},
		} {
			t.Run(fmt.Sprintf("%s, %d customers", mode, customers), func(t *testing.T) {
				t.Parallel()
				harness := newHarness(t, servicetest.Database(t), servicetest.Redis(t))
				result, err := harness.Play(t.Context(), scenarioOf(mode, customers))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(result.Close)
				checkAll(t, result.Invoices, customers, want)
			})
		}
	}
}

func TestIntegrationAFourthServerFiresLate(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]verdict.Counts{
		"naive-lock": {Charges: 2, Entries: 2}, // finds the lock free and doesn't ask the ledger
		"locked":     {Charges: 1, Entries: 1},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			harness := newHarness(t, servicetest.Database(t), servicetest.Redis(t))
			p := begin(t, harness, scenarioOf(mode, 3))
			if err := p.midnight(t.Context()); err != nil {
				t.Fatal(err)
			}
			late, err := p.spawn(t.Context(), "server-late")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(late.Stop)
			if err := fleet.Fire(t.Context(), time.Time{}, late.Server); err != nil {
				t.Fatal(err)
			}
			checkAll(t, accounts(t, p), 3, want)
		})
	}
}

func TestIntegrationRedisIsKilledAtMidnight(t *testing.T) {
	t.Parallel()
	redis := servicetest.OwnRedis(t)
	harness := newHarness(t, servicetest.Database(t), redis.URL())
	p := begin(t, harness, scenarioOf("locked", 3))
	if err := redis.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}

	// While the only Redis is down, nobody bills.
	if err := p.fireAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkAll(t, accounts(t, p), 3, verdict.Counts{})

	// When it is back, everybody is billed once.
	if err := redis.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.midnight(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkAll(t, accounts(t, p), 3, verdict.Counts{Charges: 1, Entries: 1})
}

// A lock can't help here: the ledger, which should remember the charge, is down when it is made.
// The invoice is unrecorded, and the next due run charges it again.
func TestIntegrationPostgresIsKilledBetweenChargeAndRecord(t *testing.T) {
	t.Parallel()
	postgres := servicetest.OwnPostgres(t)
	harness := newHarness(t, postgres.URL(), servicetest.Redis(t))
	p := begin(t, harness, scenarioOf("locked", 1))
	gate, err := p.simulator.Control.Hold(t.Context(), control.Rule{
		Point: control.Committed, Operation: control.OperationCharge,
	})
	if err != nil {
		t.Fatal(err)
	}
	fired := make(chan error, 1)
	go func() { fired <- p.fireAll(t.Context()) }()
	if _, _, err := gate.Waiting(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	// Alice has been charged, and only Stripe knows. The other servers find the lease held while
	// Postgres can still answer them.
	await(t, p, event.InvoiceSkipped, 2)
	if err := postgres.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := gate.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, p, event.LedgerFailed, 1)
	if err := <-fired; err != nil {
		t.Fatal(err)
	}

	if err := postgres.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkAll(t, accounts(t, p), 1, verdict.Counts{Charges: 1, Entries: 0})
	if err := p.midnight(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkAll(t, accounts(t, p), 1, verdict.Counts{Charges: 2, Entries: 1})
}

func newHarness(t *testing.T, databaseURL, redisURL string) Harness {
	t.Helper()
	svc, err := services.Start(t.Context(), services.Options{
		DatabaseURL: databaseURL, RedisURL: redisURL,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := svc.Close(); err != nil {
			t.Error(err)
		}
	})
	return Harness{
		Services: svc, Worker: []string{self(t), workerArg}, Latency: 20 * time.Millisecond,
	}
}

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func scenarioOf(mode string, customers int) Scenario {
	s := Scenario{
		Mode: mode, Servers: 3, LockTTL: 30 * time.Second,
		At: time.Date(2026, time.December, 1, 0, 0, 0, 0, time.UTC),
	}
	for i := range customers {
		s.Subscriptions = append(s.Subscriptions, billing.Subscription{
			ID: fmt.Sprintf("customer-%02d", i), Customer: "Alice", AmountMinor: 1000,
			Currency: "usd", PaymentMethod: "pm_card_visa",
		})
	}
	return s
}

func begin(t *testing.T, harness Harness, s Scenario) *play {
	t.Helper()
	p, err := harness.begin(t.Context(), s)
	t.Cleanup(p.end)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func accounts(t *testing.T, p *play) []reconcile.Invoice {
	t.Helper()
	a, err := p.sides.accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// checkAll checks every invoice's counts on both sides, and the amounts that belong to them.
func checkAll(t *testing.T, accounts []reconcile.Invoice, customers int, want verdict.Counts) {
	t.Helper()
	if len(accounts) != customers {
		t.Errorf("%d accounts, want %d", len(accounts), customers)
	}
	for _, a := range accounts {
		if a.Counts() != want || a.ChargedMinor != int64(want.Charges)*a.DueMinor ||
			a.EnteredMinor != int64(want.Entries)*a.DueMinor {
			t.Errorf("%+v, want %s", a, want)
		}
	}
}

// await returns when the servers have logged the event that many times.
func await(t *testing.T, p *play, kind event.Kind, times int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		events, more := p.events.Since(0)
		said := 0
		for _, e := range events {
			if e.Kind == kind {
				said++
			}
		}
		if said >= times {
			return
		}
		select {
		case <-more:
		case <-ctx.Done():
			t.Fatalf("%s was said %d times, want %d: %s", kind, said, times, told(events))
		}
	}
}

func told(events []event.Event) (s string) {
	for _, e := range events {
		s += fmt.Sprintf("\n%s %s %s %s", e.Server, e.Kind, e.Invoice, e.Error)
	}
	return s
}
