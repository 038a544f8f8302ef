package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/verdict"
	"example.com/triplecharge/internal/web"
)

// secret must never be shown.
const secret = "sk_test_SECRET"

// fake is a run without servers. It sends its events when the test lets it play.
type fake struct {
	tell    func(event.Event)
	charges int
	goOn    <-chan struct{} // Play returns when it is closed; nil: at once
	broken  error           // what Play returns

	mu       sync.Mutex
	charged  int // by Play
	refunded int
	closed   bool
}

func (f *fake) Play(ctx context.Context) error {
	midnight := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	for i := range f.charges {
		at := midnight.Add(time.Duration(i) * time.Millisecond)
		e := event.Event{
			Server: "server-" + string(rune('a'+i)), Invoice: "alice/2026-12", AmountMinor: 1000,
			Currency: "usd", PaymentIntent: "pi_" + string(rune('a'+i)), Time: at,
		}
		for _, kind := range []event.Kind{
			event.ServerListening, event.StripeCharged, event.ChargeSucceeded, event.LedgerRecorded,
		} {
			e.Kind = kind
			f.tell(e)
		}
	}
	f.mu.Lock()
	f.charged = f.charges
	f.mu.Unlock()
	if f.goOn != nil {
		select {
		case <-f.goOn:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return f.broken
}

func (f *fake) Invoices(context.Context) ([]reconcile.Invoice, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := reconcile.Invoice{
		Subscription: "alice", Period: "2026-12", Verdicts: verdict.Words{verdict.Right},
		Account: reconcile.Account{
			Currency: "usd", DueMinor: 1000,
			Charges: f.charged, ChargedMinor: int64(f.charged) * 1000,
			Entries: f.charged, EnteredMinor: int64(f.charged) * 1000,
			RefundedMinor: int64(f.refunded) * 1000, EnteredRefundsMinor: int64(f.refunded) * 1000,
		},
	}
	if f.charged-f.refunded > 1 {
		i.Verdicts = verdict.Words{verdict.Overcharged}
		i.ToDo = []reconcile.Action{{Kind: reconcile.RefundCharge}}
	}
	return []reconcile.Invoice{i}, nil
}

func (f *fake) Reconcile(context.Context) ([]reconcile.Done, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var done []reconcile.Done
	for ; f.refunded < f.charged-1; f.refunded++ {
		done = append(done, reconcile.Done{Invoice: "alice/2026-12", Action: reconcile.Action{
			Kind: reconcile.RefundCharge, PaymentIntent: "pi_b", AmountMinor: 1000, Currency: "usd",
		}})
	}
	return done, nil
}

func (f *fake) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	return nil
}

func (f *fake) isClosed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed
}

// site is a site with fake runs, on its own server.
type site struct {
	*testing.T
	url, host string
	end       func() // ends it, and waits

	mu    sync.Mutex
	begun []*fake
	log   []string
}

var errNoServices = errors.New("no services with the key " + secret)

// newSite serves a site that keeps this number of runs. next makes each run; if it returns nil, the
// run can't begin.
func newSite(t *testing.T, keep int, next func() *fake, recordings ...web.Recording) *site {
	t.Helper()
	s := &site{T: t}
	server := httptest.NewUnstartedServer(nil)
	s.host = server.Listener.Addr().String()
	played := web.New(web.Options{
		Begin: func(
			_ context.Context, _ string, _ faults.Fault, tell func(event.Event),
		) (web.Live, error) {
			f := next()
			if f == nil {
				return nil, errNoServices
			}
			f.tell = tell
			s.mu.Lock()
			defer s.mu.Unlock()
			s.begun = append(s.begun, f)
			return f, nil
		},
		Servers: []string{"server-a", "server-b", "server-c"},
		Hosts:   []string{s.host}, Keep: keep, Recordings: recordings,
		Log: func(line string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.log = append(s.log, line)
		},
	})
	server.Config.Handler = played.Handler()
	server.Start()
	s.url = server.URL
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- played.Play(ctx) }()
	s.end = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		server.CloseClientConnections()
		server.Close()
	})
	t.Cleanup(s.end)
	return s
}

func (s *site) runs() []*fake {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begun
}

// answer is the response to a request.
type answer struct {
	status int
	header http.Header
	body   string
}

// send sends a request and follows no redirect.
func (s *site) send(r *http.Request) answer {
	s.Helper()
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var body strings.Builder
	if _, err := bufio.NewReader(response.Body).WriteTo(&body); err != nil {
		s.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, body.String()}
}

func (s *site) get(path string) answer {
	s.Helper()
	return s.send(s.request(http.MethodGet, path, nil))
}

func (s *site) post(path string, form url.Values) answer {
	s.Helper()
	return s.send(s.request(http.MethodPost, path, form))
}

func (s *site) request(method, path string, form url.Values) *http.Request {
	s.Helper()
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

// midnight starts a run and returns its address.
func (s *site) midnight(mode, fault string) string {
	s.Helper()
	a := s.post("/runs", url.Values{"mode": {mode}, "fault": {fault}})
	if a.status != http.StatusSeeOther {
		s.Fatalf("it answered %d: %s", a.status, a.body)
	}
	return a.header.Get("Location")
}

// news is what a browser receives.
type news struct {
	Steps            int
	Status, Detail   string
	Over, Refundable bool
}

// until follows a run until its news meet a condition.
func (s *site) until(address string, so func(news) bool) news {
	s.Helper()
	response, err := http.Get(s.url + address + "/events")
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var n news
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		data, found := strings.CutPrefix(lines.Text(), "data: ")
		if !found {
			continue
		}
		if err := json.Unmarshal([]byte(data), &n); err != nil {
			s.Fatal(err)
		}
		if so(n) {
			return n
		}
	}
	s.Fatalf("the news ended with %+v", n)
	return n
}

func isOver(n news) bool { return n.Over }
