package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/cli"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/internal/stripesim/control"
	"example.com/triplecharge/internal/verdict"
)

var billedOnce = verdict.Counts{Charges: 1, Entries: 1}

func TestALockedInvoiceIsToldInOrder(t *testing.T) {
	t.Parallel()
	w := setup(t, onlyAlice())
	n := start(t, w.config("server-a", "locked"))
	n.run()
	n.stop()
	must(t, <-n.done)

	want := []event.Kind{
		event.ServerReady, event.ServerListening, event.RunStarted, event.LeaseObtained,
		event.ChargeSent, event.ChargeSucceeded, event.LedgerRecorded, event.LeaseReleased,
		event.RunFinished, event.ServerStopping,
	}
	if got := n.kinds("alice/2026-12"); !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	events, _ := n.all()
	instants := []event.Kind{event.ServerReady, event.ServerListening, event.RunStarted,
		event.ChargeSent, event.ServerStopping}
	for _, e := range events {
		ofRun := strings.HasPrefix(string(e.Msg), "server.") ||
			strings.HasPrefix(string(e.Msg), "run.")
		if e.Server != "server-a" || e.Level != "INFO" || ofRun == (e.Invoice == "alice/2026-12") {
			t.Errorf("got %+v, want server-a and, unless it is of the run, the invoice", e)
		}
		if took := e.MS != nil; took == slices.Contains(instants, e.Msg) || took && *e.MS < 0 {
			t.Errorf("got %+v; want to know how long it took, unless it is an instant", e)
		}
		if strings.HasPrefix(string(e.Msg), "run.") && e.Period != "2026-12" {
			t.Errorf("got %+v, want the period", e)
		}
	}
	w.want("alice", billedOnce)
}

// While the charge is held, the lease is renewed; when its key is deleted, it is lost.
func TestNewsOfALeaseNamesTheInvoice(t *testing.T) {
	t.Parallel()
	w := setup(t, onlyAlice())
	redis := servicetest.OwnRedis(t)
	c := w.config("server-a", "locked")
	c.RedisURL, c.LockTTL = redis.URL(), 2*time.Second
	gate := w.hold(control.Executing)
	n := start(t, c)
	must(t, startRun(n))
	waitAt(t, gate, 1)
	if e := n.wait(event.LeaseRenewed, ""); e.Invoice != "alice/2026-12" || e.Level != "INFO" {
		t.Errorf("got %+v, want the invoice", e)
	}
	must(t, redis.Kill(t.Context()))
	if e := n.wait(event.LeaseLost, ""); e.Invoice != "alice/2026-12" || e.Level != "WARN" ||
		!strings.Contains(e.Error, "connection refused") {
		t.Errorf("got %+v, want a warning with the invoice and the reason", e)
	}
	// The charge was sent under the lease, so the server waits for the answer and records it.
	must(t, gate.Remove(t.Context()))
	n.wait(event.RunFinished, "")
	w.want("alice", billedOnce)
}

func TestWithRedisDownNobodyIsCharged(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"naive-lock", "locked"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := setup(t, onlyAlice())
			redis := servicetest.OwnRedis(t)
			must(t, redis.Kill(t.Context()))
			c := w.config("server-a", mode)
			c.RedisURL = redis.URL()
			n := start(t, c) // nevertheless: Redis may be back before midnight
			if got := n.run(); got.Failed != 1 || got.Billed != 0 {
				t.Errorf("got %+v, want one failure", got)
			}
			for _, kind := range []event.Kind{event.LeaseFailed, event.InvoiceFailed} {
				if e := n.wait(kind, "alice/2026-12"); e.Level != "WARN" || e.Error == "" {
					t.Errorf("got %+v, want a warning that says why", e)
				}
			}
			if kinds := n.kinds("alice/2026-12"); slices.Contains(kinds, event.ChargeSent) {
				t.Errorf("got %v, want no charge", kinds)
			}
			w.want("alice", verdict.Counts{})
		})
	}
}

// The list is a page old when the last invoices' turn comes: their cards were replaced since. A
// mode that asks the ledger charges the new ones; another charges those in its list.
func TestACardReplacedDuringTheRunIsTheOneThatIsCharged(t *testing.T) {
	t.Parallel()
	const many, inHand = 8, 4 // with one at Stripe, others have asked the ledger and wait for it
	for mode, asks := range map[string]bool{
		"check-first": true, "locked": true, "fenced": true,
		"naive-lock": false, "idempotent": false,
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := setup(t, nil)
			cards := func(card string) (methods []string) {
				for i := range many {
					methods = append(methods, w.add(fmt.Sprint("customer-", i), card))
				}
				return methods
			}
			cards("pm_card_chargeCustomerFail")
			gate := w.hold(control.Arriving)
			c := w.config("server-a", mode)
			c.Concurrency = 1
			list := &listed{}
			n := startWith(t, c, list.by)
			must(t, startRun(n))
			waitAt(t, gate, 1)
			replaced := cards("pm_card_visa")
			must(t, gate.Remove(t.Context()))
			got := n.ask(http.MethodGet, "/runs/1?wait=true").RunView
			inList := 0 // on a second page, read since
			for _, method := range list.methods {
				if slices.Contains(replaced, method) {
					inList++
				}
			}
			if got.Billed+got.Declined != many || asks && got.Billed < many-inHand ||
				!asks && got.Billed != inList {
				t.Errorf("got %+v, %d listed with the new card; want the new cards charged: %t",
					got, inList, asks)
			}
			entries := 0
			audit, err := w.store.Audit(t.Context(), billingtest.December())
			must(t, err)
			for _, line := range audit.Invoices {
				entries += line.Charges
			}
			charges, err := w.control.ChargesSoFar(t.Context())
			must(t, err)
			if len(charges) != got.Billed || entries != got.Billed {
				t.Errorf("%d charges, %d entries, want %d", len(charges), entries, got.Billed)
			}
		})
	}
}

// listed notes the payment methods that a mode is given.
type listed struct {
	billing.Biller
	mu      sync.Mutex
	methods []string
}

func (l *listed) by(_ Config, m billing.Mode) billing.Mode {
	of := m.New
	m.New = func(p billing.Ports) billing.Biller {
		l.Biller = of(p)
		return l
	}
	return m
}

func (l *listed) Bill(ctx context.Context, inv billing.Invoice) (billing.Outcome, error) {
	l.mu.Lock()
	l.methods = append(l.methods, inv.Subscription.PaymentMethod)
	l.mu.Unlock()
	return l.Biller.Bill(ctx, inv)
}

type waited struct {
	reply
	err error
}

// waitForRun sends count requests that wait for the first run, and returns when they have arrived.
func (n *node) waitForRun(count int) <-chan waited {
	n.t.Helper()
	answers := make(chan waited, count)
	var sent sync.WaitGroup
	for range count {
		sent.Add(1)
		ctx := httptrace.WithClientTrace(context.WithoutCancel(n.t.Context()),
			&httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { sent.Done() }})
		go func() {
			r, err := ask(ctx, n.url, http.MethodGet, "/runs/1?wait=true", "")
			answers <- waited{r, err}
		}()
	}
	sent.Wait()
	// Connections are accepted in order, so the earlier ones have been accepted.
	healthy(n.t, n)
	return answers
}

func healthy(t *testing.T, n *node) {
	t.Helper()
	status, body := get(t, n.url+"/healthz")
	if status != http.StatusOK || body != "ok\n" {
		t.Errorf("GET /healthz: %d %q, want ok", status, body)
	}
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	must(t, err)
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	must(t, err)
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	must(t, err)
	return answer.StatusCode, string(text)
}

func TestMetricsCountEvents(t *testing.T) {
	t.Parallel()
	w := setup(t, map[string]string{
		"alice": "pm_card_visa", "bob": "pm_card_visa", "mallory": "pm_card_chargeCustomerFail",
	})
	n := start(t, w.config("server-a", "locked"))
	healthy(t, n)
	if got := n.run(); got.Billed != 2 || got.Declined != 1 || got.Failed != 0 {
		t.Errorf("got %+v, want two billed and one declined", got)
	}
	if got := n.run(); got.AlreadyBilled != 2 || got.Declined != 1 {
		t.Errorf("got %+v, want two already billed and one declined", got)
	}
	_, metrics := get(t, n.url+"/metrics")
	for _, want := range []string{
		`billing_events_total{event="run.finished",mode="locked",server="server-a"} 2`,
		`billing_events_total{event="lease.obtained",mode="locked",server="server-a"} 6`,
		`billing_events_total{event="charge.sent",mode="locked",server="server-a"} 4`,
		`billing_events_total{event="charge.succeeded",mode="locked",server="server-a"} 2`,
		`billing_events_total{event="charge.declined",mode="locked",server="server-a"} 2`,
		`billing_events_total{event="ledger.recorded",mode="locked",server="server-a"} 2`,
		`billing_events_total{event="invoice.skipped",mode="locked",server="server-a"} 2`,
		`billing_event_seconds_count{event="charge.succeeded",mode="locked",server="server-a"} 2`,
	} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("the metrics lack %s:\n%s", want, metrics)
		}
	}
	w.want("alice", billedOnce)
	w.want("mallory", verdict.Counts{})
}

func TestOneRunEndsWithTheServer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		card string
		lost bool // Stripe's replies are
		ok   bool
		want verdict.Counts
	}{
		{"all billed", "pm_card_visa", false, true, billedOnce},
		{"a decline is the customer's affair", "pm_card_chargeCustomerFail", false, true,
			verdict.Counts{}},
		{"an unknown outcome needs a look", "pm_card_visa", true, false,
			verdict.Counts{Charges: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := setup(t, map[string]string{"alice": test.card})
			if test.lost {
				_, err := w.control.Lose(t.Context(), control.Rule{})
				must(t, err)
			}
			c := w.config("server-a", "locked")
			c.Listen = ""
			n := start(t, c)
			if err := <-n.done; (err == nil) != test.ok || errors.Is(err, cli.ErrUsage) {
				t.Errorf("got %v, want success: %t", err, test.ok)
			}
			w.want("alice", test.want)
		})
	}
}

// The schedule fires every second, so that the test needs no clock but the machine's.
func TestAScheduleMakesDueRuns(t *testing.T) {
	t.Parallel()
	w := setup(t, onlyAlice())
	c := w.config("server-a", "locked")
	c.At, c.Listen, c.Schedule, c.Timezone = "", "", "* * * * * *", "Asia/Tokyo"
	n := start(t, c)
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	must(t, err)
	before := time.Now().In(tokyo).Format("2006-01")
	if next := n.wait(event.ScheduleSet, "").Reason; strings.Count(next, "+09:00") != 3 {
		t.Errorf("got the next times %q, want three", next)
	}
	got := n.wait(event.RunStarted, "")
	after := time.Now().In(tokyo).Format("2006-01")
	if got.Period != before && got.Period != after {
		t.Errorf("got the period %s, want Tokyo's present month %s", got.Period, after)
	}
	n.wait(event.InvoiceSkipped, "alice/"+got.Period) // by the second run: already billed
	n.stop()
	must(t, <-n.done)
}

func TestOneRunThatNeverBeganIsNoFailure(t *testing.T) {
	t.Parallel()
	s := serveAPI(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	must(t, once(ctx, s.runs, time.Now()))
	if s.runs.find(1) != nil {
		t.Error("a run was started")
	}
}
