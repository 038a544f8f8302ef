package server

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

	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/internal/stripesim/control"
	"example.com/triplecharge/internal/verdicts"
)

var billedOnce = verdicts.Counts{Charges: 1, Entries: 1}

func TestALockedInvoiceIsToldInOrder(t *testing.T) {
	t.Parallel()
	w := setup(t, onlyAlice())
	n := start(t, w.config("server-a", "locked"))
	n.run()
	n.stop()
	must(t, <-n.done)

	want := []string{
		"server.listening", "run.started", "lease.obtained", "charge.sent", "charge.succeeded",
		"ledger.recorded", "lease.released", "run.finished",
	}
	if got := n.names("alice/2026-12"); !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	events, _ := n.all()
	instants := []string{"server.listening", "run.started", "charge.sent"}
	for _, e := range events {
		ofRun := e.Msg == "server.listening" || strings.HasPrefix(e.Msg, "run.")
		if e.Server != "server-a" || e.Level != "INFO" || ofRun == (e.Invoice == "alice/2026-12") {
			t.Errorf("got %+v, want server-a and, unless it is of the run, the invoice", e)
		}
		if took := e.MS != nil; took == slices.Contains(instants, e.Msg) || took && *e.MS < 0 {
			t.Errorf("got %+v; want to know how long it took, unless it is an instant", e)
		}
		if strings.HasPrefix(e.Msg, "run.") && e.Period != "2026-12" {
			t.Errorf("got %+v, want the period", e)
		}
	}
	w.want("alice", billedOnce)
}

// While the charge is held, the lease is renewed, and lost once its key is gone.
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
	if e := n.wait("lease.renewed", ""); e.Invoice != "alice/2026-12" || e.Level != "INFO" {
		t.Errorf("got %+v, want the invoice", e)
	}
	must(t, redis.Kill(t.Context()))
	if e := n.wait("lease.lost", ""); e.Invoice != "alice/2026-12" || e.Level != "WARN" {
		t.Errorf("got %+v, want a warning with the invoice", e)
	}
	// The charge was sent under the lease, so it is waited for, and recorded.
	must(t, gate.Remove(t.Context()))
	n.wait("run.finished", "")
	w.want("alice", billedOnce)
}

func startRun(n *node) error {
	if r := n.ask(http.MethodPost, "/runs"); r.Status != http.StatusAccepted {
		return fmt.Errorf("POST /runs: %+v", r)
	}
	return nil
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
			n := start(t, c) // all the same: Redis may come back before midnight
			if got := n.run(); got.Failed != 1 || got.Billed != 0 {
				t.Errorf("got %+v, want one failure", got)
			}
			for _, name := range []string{"lease.failed", "invoice.failed"} {
				if e := n.wait(name, "alice/2026-12"); e.Level != "WARN" || e.Error == "" {
					t.Errorf("got %+v, want a warning that says why", e)
				}
			}
			if names := n.names("alice/2026-12"); slices.Contains(names, "charge.sent") {
				t.Errorf("got %v, want no charge", names)
			}
			w.want("alice", verdicts.Counts{})
		})
	}
}

// A server that is told to stop finishes what is in flight, starts nothing else and gives its
// leases back; and whoever waits for the run is told of it.
func TestAServerThatIsStoppedDrains(t *testing.T) {
	t.Parallel()
	w := setup(t, manyCards())
	c := w.config("server-a", "locked")
	c.Concurrency = 1
	begun := c.atOnce(c.stripe(Secrets{}))
	gate := w.hold(control.Executing)
	n := start(t, c)
	must(t, startRun(n))
	waitAt(t, gate, 1)
	n.waitForLeases(begun)
	answers := n.waitForRun(20)

	n.stop()
	// The listener stays open until the run is over, and takes no other.
	if r := n.ask(http.MethodPost, "/runs"); r.Status != http.StatusServiceUnavailable {
		t.Errorf("POST /runs to a server that stops: got %+v, want 503", r)
	}
	healthy(t, n)
	select {
	case err := <-n.done:
		t.Fatalf("the server ended with %v while a charge was in flight", err)
	case got := <-answers:
		t.Fatalf("got %+v while the run was on", got)
	default:
	}
	must(t, gate.Remove(t.Context()))
	must(t, <-n.done)

	for range cap(answers) {
		if got := <-answers; got.err != nil || !got.Finished || got.Billed != begun {
			t.Errorf("who waited got %+v, %v; want a run that billed %d", got.reply, got.err, begun)
		}
	}
	events, _ := n.all()
	if last := events[len(events)-1]; last.Msg != "run.finished" || last.Billed != begun {
		t.Errorf("the last event is %+v, want run.finished with %d billed", last, begun)
	}
	told := map[string][]string{}
	for _, e := range events {
		if e.Invoice != "" {
			told[e.Invoice] = append(told[e.Invoice], e.Msg)
		}
	}
	want := []string{
		"lease.obtained", "charge.sent", "charge.succeeded", "ledger.recorded", "lease.released",
	}
	for invoice, events := range told {
		if !slices.Equal(events, want) {
			t.Errorf("%s: got %v, want it finished: %v", invoice, events, want)
		}
		w.want(strings.TrimSuffix(invoice, "/2026-12"), billedOnce)
	}
	charges, err := w.control.ChargesSoFar(t.Context())
	must(t, err)
	if len(charges) != begun || len(told) != begun {
		t.Fatalf("%d invoices were begun and %d charged, want %d", len(told), len(charges), begun)
	}
}

type waited struct {
	reply
	err error
}

// waitForRun sends so many requests that wait for the first run, and returns once they are there.
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
	// Connections are accepted in their order, so those before this one have been.
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
	w.want("mallory", verdicts.Counts{})
}

func TestOneRunEndsWithTheServer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		card string
		lost bool // Stripe's replies are
		ok   bool
		want verdicts.Counts
	}{
		{"all billed", "pm_card_visa", false, true, billedOnce},
		{"a decline is the customer's affair", "pm_card_chargeCustomerFail", false, true,
			verdicts.Counts{}},
		{"an unknown outcome needs a look", "pm_card_visa", true, false,
			verdicts.Counts{Charges: 1}},
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
			if err := <-n.done; (err == nil) != test.ok || errors.Is(err, errUsage) {
				t.Errorf("got %v, want success: %t", err, test.ok)
			}
			w.want("alice", test.want)
		})
	}
}

func TestOneRunThatIsStoppedIsNoFailure(t *testing.T) {
	t.Parallel()
	w := setup(t, manyCards())
	c := w.config("server-a", "locked")
	c.Listen, c.Concurrency = "", 1
	gate := w.hold(control.Executing)
	n := start(t, c)
	waitAt(t, gate, 1)
	n.stop()
	must(t, gate.Remove(t.Context()))
	must(t, <-n.done)
	if e := n.wait("run.finished", ""); e.Billed == len(manyCards()) || e.Level != "WARN" {
		t.Errorf("got %+v, want a warning, and not all billed", e)
	}
}

func TestAServerThatIsStoppedBeforeItBeganIsNoFailure(t *testing.T) {
	t.Parallel()
	w := setup(t, onlyAlice())
	for _, listen := range []string{"", "127.0.0.1:0"} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		c := w.config("server-a", "locked")
		c.Listen = listen
		must(t, Run(ctx, c, Secrets{Token: testToken}, io.Discard))
	}
	w.want("alice", verdicts.Counts{})
}

// Cron's own seconds, so that the test needs no clock but the machine's.
func TestAScheduleMakesDueRuns(t *testing.T) {
	t.Parallel()
	w := setup(t, onlyAlice())
	c := w.config("server-a", "locked")
	c.At, c.Listen, c.Schedule, c.Timezone = "", "", "* * * * * *", "Asia/Tokyo"
	n := start(t, c)
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	must(t, err)
	before := time.Now().In(tokyo).Format("2006-01")
	got := n.wait("run.started", "")
	after := time.Now().In(tokyo).Format("2006-01")
	if got.Period != before && got.Period != after {
		t.Errorf("got the period %s, want Tokyo's present month %s", got.Period, after)
	}
	n.wait("invoice.skipped", "alice/"+got.Period) // by the second run: already billed
	n.stop()
	must(t, <-n.done)
}

func TestOneRunThatNeverBeganIsNoFailure(t *testing.T) {
	t.Parallel()
	s := serveAPI(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	must(t, once(ctx, s.runs, billingtest.Invoice("alice").Period))
	if s.runs.find(1) != nil {
		t.Error("a run was started")
	}
}
