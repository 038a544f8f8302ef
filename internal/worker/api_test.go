package worker

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/ledger"
)

// slowMode bills when the test lets it.
type slowMode struct {
	billing chan billing.Invoice // receives each invoice when it begins
	goOn    chan struct{}        // closed to let all finish
}

func (m slowMode) Bill(_ context.Context, inv billing.Invoice) (billing.Outcome, error) {
	m.billing <- inv
	<-m.goOn
	return billing.Billed, nil
}

// served is an API over a slowMode with Alice's invoice.
type served struct {
	slowMode
	*httptest.Server
	runs *runs
	stop context.CancelFunc // the server's
}

// noRecord forgets due runs at once.
type noRecord struct{ dueRuns }

func (noRecord) BeginRun(
	context.Context, billing.Period, []ledger.Month,
) ([]ledger.Arrears, error) {
	return nil, nil
}

func (noRecord) FinishRun(context.Context, billing.Period, time.Time) error { return nil }

func serveAPI(t *testing.T, change func(*api)) *served {
	t.Helper()
	s := &served{slowMode: slowMode{make(chan billing.Invoice, 10), make(chan struct{})}}
	s.runs = newRuns(billing.Worker{
		Server:      "server-a",
		Invoices:    billingtest.NewMemoryInvoices(billingtest.Subscription("alice")),
		Mode:        s.slowMode,
		Concurrency: 1,
	}, &hold{events: newEvents(io.Discard, Config{Name: "server-a", Mode: "slow"})})
	s.runs.record, s.runs.zone = noRecord{}, time.UTC
	a := api{runs: s.runs, token: testToken}
	a.ctx, s.stop = context.WithCancel(t.Context())
	if change != nil {
		change(&a)
	}
	s.Server = httptest.NewServer(a.handler())
	t.Cleanup(s.Close)
	return s
}

func (s *served) send(t *testing.T, method, path, body string) reply {
	t.Helper()
	r, err := ask(t.Context(), s.URL, method, path, body)
	must(t, err)
	return r
}

func TestTriggeringNeedsTheToken(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, token, header string
		want                int
	}{
		{"none", testToken, "", http.StatusUnauthorized},
		{"a wrong one", testToken, "Bearer wrong", http.StatusUnauthorized},
		{"the beginning of it", testToken, "Bearer s3cre", http.StatusUnauthorized},
		{"more than it", testToken, "Bearer s3cret1", http.StatusUnauthorized},
		{"it alone", testToken, testToken, http.StatusUnauthorized},
		{"another scheme", testToken, "Basic " + testToken, http.StatusUnauthorized},
		{"a server without one", "", "Bearer ", http.StatusUnauthorized},
		{"the right one", testToken, "Bearer " + testToken, http.StatusAccepted},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := serveAPI(t, func(a *api) { a.token = test.token })
			close(s.goOn)
			// Call the handler directly: HTTP strips the blanks at a header's end.
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/runs", nil)
			if test.header != "" {
				r.Header.Set("Authorization", test.header)
			}
			answer := httptest.NewRecorder()
			s.Config.Handler.ServeHTTP(answer, r)
			if answer.Code != test.want {
				t.Errorf("got %d, want %d", answer.Code, test.want)
			}
			challenge := answer.Header().Get("WWW-Authenticate")
			if (challenge == "Bearer") != (test.want == http.StatusUnauthorized) {
				t.Errorf("got the challenge %q", challenge)
			}
			started := s.runs.find(1) != nil
			if started != (test.want == http.StatusAccepted) {
				t.Errorf("a run was started: %t", started)
			}
			s.runs.stop()
		})
	}
}

func TestLookingAtARunNeedsTheToken(t *testing.T) {
	t.Parallel()
	s := serveAPI(t, nil)
	close(s.goOn)
	s.send(t, http.MethodPost, "/runs", "")
	answer, err := s.Client().Get(s.URL + "/runs/1")
	must(t, err)
	must(t, answer.Body.Close())
	if answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("got %d, want 401", answer.StatusCode)
	}
	s.runs.stop()
}

func TestOneRunAtATime(t *testing.T) {
	t.Parallel()
	s := serveAPI(t, nil)
	first := s.send(t, http.MethodPost, "/runs", `{"at":"2026-12-01T00:00:00Z","force":true}`)
	if first.Status != http.StatusAccepted || first.Location != "/runs/1" || first.ID != 1 ||
		first.Period != "2026-12" || first.Finished {
		t.Errorf("got %+v, want 202 and where to look", first)
	}
	<-s.billing
	if r := s.send(t, http.MethodPost, "/runs", ""); r.Status != http.StatusConflict {
		t.Errorf("a second trigger: got %+v, want 409", r)
	}
	if r := s.send(t, http.MethodGet, "/runs/1", ""); r.Status != http.StatusOK || r.Finished {
		t.Errorf("got %+v, want a run that is on", r)
	}
	close(s.goOn)
	done := s.send(t, http.MethodGet, "/runs/1?wait=true", "")
	if done.Status != http.StatusOK || !done.Finished || done.Billed != 1 || done.Error != "" {
		t.Errorf("got %+v, want a run that billed one", done)
	}
	if r := s.send(t, http.MethodPost, "/runs", ""); r.Location != "/runs/2" {
		t.Errorf("got %+v, want the next run", r)
	}
	s.runs.stop()
}

func TestATriggerNamesItsDueTime(t *testing.T) {
	t.Parallel()
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	must(t, err)
	given := new(time.Date(2026, 11, 30, 15, 0, 0, 0, time.UTC))
	present := time.Now().In(tokyo).Format("2006-01")
	for _, test := range []struct {
		name, body string
		at         *time.Time // of --at
		want       string
	}{
		{"in the body", `{"at":"2027-02-01T00:00:00+09:00","force":true}`, given, "2027-02"},
		{"in the body, which is null", `{"at":null}`, given, "2026-12"},
		{"long ago, if forced", `{"at":"0001-01-01T09:00:00+09:00","force":true}`, nil, "0001-01"},
		{"by the flag", ``, given, "2026-12"},
		{"by the flag, with an empty object", `{}`, given, "2026-12"},
		{"neither", ``, nil, present},
		{"now, in spite of the flag", `{"at":"now"}`, given, present},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := serveAPI(t, func(a *api) { a.at, a.runs.zone = test.at, tokyo })
			close(s.goOn)
			r := s.send(t, http.MethodPost, "/runs", test.body)
			turned := test.want == present && r.Period == time.Now().In(tokyo).Format("2006-01")
			if r.Period != test.want && !turned { // the month, since the test began
				t.Errorf("got %+v, want the period %s", r, test.want)
			}
			s.runs.stop()
		})
	}
}

func TestABodyThatIsNotUnderstoodStartsNothing(t *testing.T) {
	t.Parallel()
	s := serveAPI(t, nil)
	for name, body := range map[string]string{
		"not JSON":           `at=2026-12-01`,
		"half of it":         `{"at":"2026-12`,
		"another type":       `{"at":1796083200}`,
		"no time":            `{"at":"midnight"}`,
		"a date":             `{"at":"2026-12-01"}`,
		"an empty time":      `{"at":""}`,
		"Go's zero time":     `{"at":"0001-01-01T00:00:00Z"}`,
		"another year":       `{"at":"` + time.Now().AddDate(2, 0, 0).Format(time.RFC3339) + `"}`,
		"the year 10000":     `{"at":"9999-12-31T23:59:59-12:00","force":true}`,
		"the year 0":         `{"at":"0000-12-31T00:00:00Z","force":true}`,
		"another month":      `{"at":"2026-12-01T00:00:00+01:00","force":true}`,
		"a typing error":     `{"att":"2026-12-01T00:00:00Z"}`,
		"a list":             `[]`,
		"two":                `{} {}`,
		"something after it": `{"at":"2026-12-01T00:00:00Z"} or so`,
		"too much":           `{"at":"` + strings.Repeat(" ", 2000) + `"}`,
	} {
		if r := s.send(t, http.MethodPost, "/runs", body); r.Status != http.StatusBadRequest ||
			r.Error == "" {
			t.Errorf("%s: got %+v, want 400 and why", name, r)
		}
	}
	if s.runs.find(1) != nil {
		t.Error("a run was started")
	}
}

func TestThereIsNoSuchRun(t *testing.T) {
	t.Parallel()
	s := serveAPI(t, nil)
	for _, path := range []string{"/runs/1", "/runs/0", "/runs/-1", "/runs/x?wait=true"} {
		if r := s.send(t, http.MethodGet, path, ""); r.Status != http.StatusNotFound {
			t.Errorf("%s: got %+v, want 404", path, r)
		}
	}
}

func TestOldRunsAreForgotten(t *testing.T) {
	t.Parallel()
	s := serveAPI(t, nil)
	close(s.goOn)
	for range runsKept + 1 {
		one, err := s.runs.start(t.Context(), time.Now())
		must(t, err)
		<-s.billing
		<-one.done
	}
	if s.runs.find(1) != nil || s.runs.find(2) == nil || s.runs.find(runsKept+1) == nil {
		t.Errorf("want the last %d runs kept, and no more", runsKept)
	}
}

func TestAServerThatStopsTakesNoTrigger(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(*served){
		"asked to stop":     func(s *served) { s.stop() },
		"waiting for a run": func(s *served) { s.runs.stop() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveAPI(t, nil)
			stop(s)
			r := s.send(t, http.MethodPost, "/runs", "")
			if r.Status != http.StatusServiceUnavailable || s.runs.find(1) != nil {
				t.Errorf("got %+v, want 503 and no run", r)
			}
		})
	}
}

// A client that gives up must not keep its request waiting at the server.
func TestWhoeverGivesUpWaitingIsLetGo(t *testing.T) {
	t.Parallel()
	s := serveAPI(t, nil)
	s.send(t, http.MethodPost, "/runs", "")
	<-s.billing
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/runs/1?wait=true", nil)
		r.Header.Set("Authorization", "Bearer "+testToken)
		s.Config.Handler.ServeHTTP(httptest.NewRecorder(), r)
	}()
	cancel()
	<-ended
	close(s.goOn)
	s.runs.stop()
}
