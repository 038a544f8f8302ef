package scenario

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/verdict"
)

// deployed are servers of one mode that somebody else has started.
func deployed(t *testing.T, mode string) Deployed {
	t.Helper()
	p, err := cellHarness(t).beginCell(t.Context(), mode, faults.None)
	t.Cleanup(p.end)
	if err != nil {
		t.Fatal(err)
	}
	d := Deployed{
		Mode: mode, Token: p.token, DatabaseURL: p.database, StripeURL: p.stripeURL(""),
		StripeKey: stripecharge.SimulatorKey, Subscriptions: p.Subscriptions, At: p.At,
	}
	for _, s := range p.workers {
		d.Servers = append(d.Servers, s.URL)
	}
	return d
}

func TestServersThatAreUpAreWatchedMonthByMonth(t *testing.T) {
	t.Parallel()
	d := deployed(t, "locked")
	names, err := d.Names(t.Context())
	if want := []string{"127.0.0.1", "127.0.0.1-2", "127.0.0.1-3"}; err != nil ||
		!slices.Equal(names, want) {
		t.Fatalf("the servers are %v, %v", names, err)
	}
	if result, err := d.Audit(t.Context()); err != nil || !result.OK() {
		t.Fatalf("the audit returned %+v, %v", result, err)
	}
	// The servers bill the month that is judged, whatever they were started with.
	later := d
	later.At = d.At.AddDate(0, 5, 0)
	if result, err := later.Audit(t.Context()); err != nil || !result.OK() {
		t.Fatalf("the audit of another month returned %+v, %v", result, err)
	}
	for _, month := range []time.Month{time.January, time.February} {
		var mu sync.Mutex
		var told []event.Kind
		l, err := d.Begin(t.Context(), func(e event.Event) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, e.Kind)
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Play(t.Context()); err != nil {
			t.Fatal(err)
		}
		invoices, err := l.Invoices(t.Context())
		if err != nil || len(invoices) != 1 || l.at.Month() != month {
			t.Fatalf("of %v it has %+v, %v; want %v", l.at, invoices, err, month)
		}
		if i := invoices[0]; i.Charges != 1 || i.Entries != 1 || !i.Is(verdict.Right) {
			t.Errorf("it has %+v, want one charge and one entry", i)
		}
		for kind, want := range map[event.Kind]int{
			event.RunStarted: 3, event.ChargeSucceeded: 1, event.LedgerRecorded: 1,
			event.RunFinished: 3,
		} {
			of := slices.DeleteFunc(slices.Clone(told), func(k event.Kind) bool {
				return k != kind
			})
			if got := len(of); got != want {
				t.Errorf("got %s %d times, want %d: %v", kind, got, want, told)
			}
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestServersThatCanNotBeFollowedAreNotFired(t *testing.T) {
	t.Parallel()
	d := deployed(t, "locked")
	d.Token = "another"
	l, err := d.Begin(t.Context(), func(event.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Play(t.Context()); err == nil {
		t.Error("they were followed with another's token")
	}
	if invoices, err := l.Invoices(t.Context()); err != nil || invoices[0].Charges != 0 {
		t.Errorf("it has %+v, %v", invoices, err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestAServersURLKeepsItsSchemeAndItsPath(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"http://127.0.0.1:8080":                "http://127.0.0.1:8080",
		"http://127.0.0.1":                     "http://127.0.0.1:80",
		"http://127.0.0.1:8080/billing/a/":     "http://127.0.0.1:8080/billing/a",
		"https://127.0.0.1:8443/billing":       "https://127.0.0.1:8443/billing",
		"https://billing.invalid/prefix":       "https://billing.invalid/prefix",
		"http://user:hunter2@127.0.0.1":        "",
		"http://127.0.0.1:8080/?token=hunter2": "",
		"127.0.0.1:8080":                       "",
	} {
		servers, err := Deployed{Servers: []string{given}}.resolve(t.Context())
		switch {
		case want == "" && (err == nil || strings.Contains(err.Error(), "hunter2")):
			t.Errorf("%s: got %+v, %v; want it refused and not shown", given, servers, err)
		case want != "" && (err != nil || servers[0].URL != want):
			t.Errorf("%s: got %+v, %v; want %s", given, servers, err, want)
		}
	}
}
