package stripecharge_test

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/billing/stripetest"
	"example.com/triplecharge/internal/stripesim/control"
)

// world is a Stripe, simulated, with an address for each of two servers, for one test.
type world struct {
	t       *testing.T
	stripe  *stripetest.Stripe
	control *control.Client
	log     *requestLog
}

func setup(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, log: &requestLog{}}
	w.stripe = stripetest.Start(t, w.log.keep)
	w.control = control.New(w.stripe.AdminURL(), "")
	t.Cleanup(w.control.Close)
	return w
}

// client is the Charger of a server, in a hurry.
func (w *world) client(server string) *stripecharge.Client {
	w.t.Helper()
	c := w.patientClient(server)
	c.Hurry()
	return c
}

// patientClient is for tests in which an attempt waits for another server's request.
func (w *world) patientClient(server string) *stripecharge.Client {
	w.t.Helper()
	return newClient(w.t, stripecharge.Options{URL: w.stripe.URL(server)})
}

// hurriedClient is a client of any Stripe.
func hurriedClient(t *testing.T, o stripecharge.Options) *stripecharge.Client {
	t.Helper()
	c := newClient(t, o)
	c.Hurry()
	return c
}

func newClient(t *testing.T, o stripecharge.Options) *stripecharge.Client {
	t.Helper()
	if o.Key == "" {
		o.Key = stripecharge.SimulatorKey
	}
	c, err := stripecharge.New(o)
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

// invoice is Alice's for December, with a card of the given kind saved at Stripe.
func (w *world) invoice(card string) billing.Invoice {
	w.t.Helper()
	s, err := w.client("server-a").SetUp(w.t.Context(), alice(card))
	must(w.t, err)
	w.log.forget()
	return billing.Invoice{Subscription: s, Period: december(w.t)}
}

// alice is a subscription that Stripe knows nothing of yet.
func alice(card string) billing.Subscription {
	return billing.Subscription{
		ID: "alice", Customer: "Alice", PaymentMethod: card, AmountMinor: 1000, Currency: "usd",
	}
}

func december(t *testing.T) billing.Period {
	t.Helper()
	p, err := billing.ParsePeriod("2026-12")
	must(t, err)
	return p
}

// charges is the money that Stripe took, counted behind the API.
func (w *world) charges() []control.Charge {
	w.t.Helper()
	charges, err := w.control.ChargesSoFar(w.t.Context())
	must(w.t, err)
	return charges
}

func (w *world) wantCharges(want int) {
	w.t.Helper()
	if got := w.charges(); len(got) != want {
		w.t.Errorf("Stripe has the charges %+v, want %d", got, want)
	}
}

// request is one that reached Stripe.
type request struct {
	Method, Path, Key, Body string
}

// requestLog keeps what reaches a Stripe.
type requestLog struct {
	mu       sync.Mutex
	requests []request
	arrived  func() // unless nil, called when one has reached Stripe
}

func (l *requestLog) keep(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		l.mu.Lock()
		l.requests = append(l.requests, request{
			r.Method, r.URL.Path, r.Header.Get("Idempotency-Key"), string(body),
		})
		arrived := l.arrived
		l.mu.Unlock()
		if arrived != nil {
			arrived()
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		next.ServeHTTP(w, r)
	})
}

func (l *requestLog) whenOneArrives(do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.arrived = do
}

func (l *requestLog) all() []request {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.requests)
}

func (l *requestLog) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests = nil
}

// form is the request's body, decoded.
func (r request) form(t *testing.T) url.Values {
	t.Helper()
	values, err := url.ParseQuery(r.Body)
	must(t, err)
	return values
}

// wantAttempts wants so many requests at Stripe, all of them the same.
func (l *requestLog) wantAttempts(t *testing.T, want int) {
	t.Helper()
	got := l.all()
	if len(got) != want {
		t.Errorf("%d requests reached Stripe, want %d: %+v", len(got), want, got)
	}
	if same := slices.Compact(slices.Clone(got)); len(same) > 1 {
		t.Errorf("the attempts differ: %+v", same)
	}
}

// lease counts how often its validity is asked for.
type lease struct {
	asked int
	ask   func(asked int) error // nil: always valid
	sent  int                   // how often Sending was called
}

// watched returns a request whose attempts are counted.
func (t *lease) watched(inv billing.Invoice) billing.Request {
	return billing.Request{Invoice: inv, Valid: t.valid, Sending: func() { t.sent++ }}
}

func (t *lease) valid() error {
	t.asked++
	if t.ask == nil {
		return nil
	}
	return t.ask(t.asked)
}

// wantOutcome wants exactly one of billing's outcomes: callers act on the first one that matches.
func wantOutcome(t *testing.T, err, want error) {
	t.Helper()
	for _, outcome := range []error{
		billing.ErrDeclined, billing.ErrUnknown, billing.ErrNotSent, billing.ErrCanceled,
	} {
		if errors.Is(err, outcome) != (outcome == want) {
			t.Errorf("got %v; want %q and no other outcome", err, want)
		}
	}
}

// waitAt returns the calls that wait at the gate once there are some.
func waitAt(t *testing.T, gate *control.Gate) []control.Call {
	t.Helper()
	calls, _, err := gate.Waiting(t.Context(), 0)
	must(t, err)
	return calls
}

// shortTimeout is of tests in which an attempt never gets its answer.
const shortTimeout = 200 * time.Millisecond

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
