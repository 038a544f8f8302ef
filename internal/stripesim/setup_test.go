package stripesim_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/account"
	"github.com/stripe/stripe-go/v76/balance"
	"github.com/stripe/stripe-go/v76/balancetransaction"
	"github.com/stripe/stripe-go/v76/charge"
	"github.com/stripe/stripe-go/v76/customer"
	"github.com/stripe/stripe-go/v76/dispute"
	"github.com/stripe/stripe-go/v76/event"
	"github.com/stripe/stripe-go/v76/paymentintent"
	"github.com/stripe/stripe-go/v76/paymentmethod"
	"github.com/stripe/stripe-go/v76/refund"

	"example.com/triplecharge/internal/stripesim"
	"example.com/triplecharge/internal/stripesim/control"
)

const testKey = "sk_test_stripesim"

// world is a simulator with three servers' addresses and a control address, for one test.
type world struct {
	t       testing.TB
	sim     *stripesim.Simulator
	urls    map[string]string // by server
	admin   string
	control *control.Client
}

func setup(t testing.TB, o stripesim.Options) *world {
	t.Helper()
	w := &world{t: t, sim: stripesim.New(o), urls: make(map[string]string)}
	serve := func(h http.Handler) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.URL
	}
	for _, name := range []string{"server-a", "server-b", "server-c"} {
		w.urls[name] = serve(w.sim.Handler(name))
	}
	w.admin = serve(w.sim.Admin(""))
	w.control = control.New(w.admin, "")
	// Before the listeners close, which wait for requests that are held.
	t.Cleanup(func() {
		w.control.Close()
		w.sim.Close()
	})
	return w
}

// api is stripe-go as one server would use it.
type api struct {
	customers    customer.Client
	methods      paymentmethod.Client
	intents      paymentintent.Client
	charges      charge.Client
	refunds      refund.Client
	balance      balance.Client
	transactions balancetransaction.Client
	events       event.Client
	disputes     dispute.Client
	account      account.Client
}

// api returns a client that comes through the address of a server, and never tries twice.
func (w *world) api(server string) *api {
	return newAPI(w.urls[server], testKey)
}

func newAPI(address, key string) *api {
	b := stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
		URL:               stripe.String(address),
		MaxNetworkRetries: stripe.Int64(0),
		EnableTelemetry:   stripe.Bool(false),
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull},
	})
	return &api{
		customers:    customer.Client{B: b, Key: key},
		methods:      paymentmethod.Client{B: b, Key: key},
		intents:      paymentintent.Client{B: b, Key: key},
		charges:      charge.Client{B: b, Key: key},
		refunds:      refund.Client{B: b, Key: key},
		balance:      balance.Client{B: b, Key: key},
		transactions: balancetransaction.Client{B: b, Key: key},
		events:       event.Client{B: b, Key: key},
		disputes:     dispute.Client{B: b, Key: key},
		account:      account.Client{B: b, Key: key},
	}
}

// alice is a customer with a saved card.
type alice struct {
	customer, method string
}

// customer makes a customer with a saved card of the given kind.
func (a *api) customer(t testing.TB, card string) alice {
	t.Helper()
	c, err := a.customers.New(&stripe.CustomerParams{Name: stripe.String("Alice")})
	if err != nil {
		t.Fatalf("create a customer: %v", err)
	}
	m, err := a.methods.Attach(card, &stripe.PaymentMethodAttachParams{
		Customer: stripe.String(c.ID),
	})
	if err != nil {
		t.Fatalf("attach %s: %v", card, err)
	}
	return alice{c.ID, m.ID}
}

// tenDollars are the parameters of a charge of $10 to a saved card, under an idempotency key unless
// it is empty, when stripe-go makes one up.
func tenDollars(who alice, key string) *stripe.PaymentIntentParams {
	p := &stripe.PaymentIntentParams{
		Amount: stripe.Int64(1000), Currency: stripe.String("usd"),
		Customer: stripe.String(who.customer), PaymentMethod: stripe.String(who.method),
		Confirm: stripe.Bool(true), OffSession: stripe.Bool(true),
		// Else Stripe would ask for a return_url, for methods that send the customer away.
		PaymentMethodTypes: stripe.StringSlice([]string{"card"}),
	}
	p.AddMetadata("subscription", "alice")
	p.AddMetadata("period", "2026-12")
	if key != "" {
		p.IdempotencyKey = stripe.String(key)
	}
	return p
}

// answer is a response as it is on the wire.
type answer struct {
	status int
	header http.Header
	body   string
}

// send sends a request without stripe-go, for what stripe-go would not send or does not show. The
// header and the form are pairs of name and value.
func (w *world) send(server, method, path string, header []string, form ...string) answer {
	w.t.Helper()
	return send(w.t, w.urls[server], method, path, header, form...)
}

func send(t testing.TB, address, method, path string, header []string, form ...string) answer {
	t.Helper()
	var pairs []string
	for i := 0; i < len(form); i += 2 {
		pairs = append(pairs, url.QueryEscape(form[i])+"="+url.QueryEscape(form[i+1]))
	}
	encoded := strings.Join(pairs, "&")
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader(encoded)
	} else if encoded != "" {
		path += "?" + encoded
	}
	r, err := http.NewRequestWithContext(t.Context(), method, address+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+testKey)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("read the answer to %s %s: %v", method, path, err)
	}
	return answer{response.StatusCode, response.Header, string(b)}
}

// stripeError is the Stripe error behind err; the test fails if there is none.
func stripeError(t testing.TB, err error) *stripe.Error {
	t.Helper()
	e, ok := err.(*stripe.Error) //nolint:errorlint // stripe-go returns it unwrapped
	if !ok {
		t.Fatalf("got %v, want a Stripe error", err)
	}
	return e
}
