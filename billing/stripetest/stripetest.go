// Package stripetest is Stripe's test mode inside a test: offline, stateful, and able to do what
// nobody can make the real Stripe do, such as hold a request or lose a reply. Any Stripe client can
// use it. What it simulates is listed in internal/stripesim/README.md.
package stripetest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/triplecharge/internal/stripesim"
	"example.com/triplecharge/internal/stripesim/control"
)

// Key is a secret key of test mode. Any other that begins with sk_test_ will do, and is the same
// account.
const Key = "sk_test_stripetest"

// Stripe is one Stripe account for one test. It is safe for concurrent use. A method that can't do
// its work ends the test with t.Fatal, so call it in the test's own goroutine.
type Stripe struct {
	t       testing.TB
	sim     *stripesim.Simulator
	control *control.Client
	admin   *httptest.Server
	wrap    []func(http.Handler) http.Handler

	mu      sync.Mutex
	servers map[string]*httptest.Server
}

// Start starts an empty account, which ends with the test. Each of wrap wraps what every server's
// address serves, for tests that count requests or break them; the last is the outermost.
func Start(t testing.TB, wrap ...func(http.Handler) http.Handler) *Stripe {
	t.Helper()
	s := &Stripe{
		t: t, sim: stripesim.New(stripesim.Options{}), wrap: wrap,
		servers: make(map[string]*httptest.Server),
	}
	s.admin = httptest.NewServer(s.sim.Admin(""))
	s.control = control.New(s.admin.URL, "")
	t.Cleanup(func() {
		s.control.Close()
		_ = s.sim.Close() // always nil; first, for the listeners wait for requests that are held
		s.admin.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, server := range s.servers {
			server.Close()
		}
	})
	return s
}

// URL returns Stripe's address for one of the servers under test, by any name; "" is a name, too.
// Servers send the same requests, so only the address tells their requests and charges apart.
func (s *Stripe) URL(server string) string { return s.Server(server).URL }

// Server returns what serves URL. Closed, it is a Stripe that can't be reached. Its Config.Handler
// is Stripe itself, for a proxy of the test's own.
func (s *Stripe) Server(name string) *httptest.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.servers[name] == nil {
		h := s.sim.Handler(name)
		for _, wrap := range s.wrap {
			h = wrap(h)
		}
		s.servers[name] = httptest.NewServer(h)
	}
	return s.servers[name]
}

// AdminURL returns the address of the control API, for other processes. A GET of it lists what it
// can do.
func (s *Stripe) AdminURL() string { return s.admin.URL }

// Charge is money taken from a card. A refund does not take it back from here.
type Charge = control.Charge

// Charges returns all charges so far, in the order of commit.
func (s *Stripe) Charges() []Charge {
	s.t.Helper()
	found, err := s.control.ChargesSoFar(s.t.Context())
	s.must(err)
	return found
}

// Now returns Stripe's time, which ticks.
func (s *Stripe) Now() time.Time {
	s.t.Helper()
	now, err := s.control.Now(s.t.Context())
	s.must(err)
	return now
}

// SetClock sets Stripe's time. Once there are objects, it only goes forward.
func (s *Stripe) SetClock(to time.Time) {
	s.t.Helper()
	s.must(s.control.SetClock(s.t.Context(), to))
}

// Advance moves Stripe's time forward: after 24 hours it forgets an idempotency key, after seven
// days an authorization ends.
func (s *Stripe) Advance(d time.Duration) {
	s.t.Helper()
	s.must(s.control.Advance(s.t.Context(), d))
}

// SendEvents has Stripe send events to a URL of the test's, and returns the secret that signs them.
// Without types, all are sent. One that is not answered with a 2xx is sent again, at the first
// request or Advance a minute later by Stripe's clock, then after growing pauses.
func (s *Stripe) SendEvents(to string, types ...string) (secret string) {
	s.t.Helper()
	if len(types) == 0 {
		types = []string{"*"}
	}
	form := url.Values{"url": {to}, "enabled_events[]": types}
	r := httptest.NewRequestWithContext(s.t.Context(), http.MethodPost, "/v1/webhook_endpoints",
		strings.NewReader(form.Encode()))
	r.SetBasicAuth(Key, "")
	answer := httptest.NewRecorder()
	s.sim.Handler("").ServeHTTP(answer, r)
	var made struct {
		Secret string
		Error  struct{ Message string }
	}
	s.must(json.NewDecoder(answer.Body).Decode(&made))
	if made.Secret == "" {
		s.t.Fatal("send events: " + made.Error.Message)
	}
	return made.Secret
}

func (s *Stripe) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}
