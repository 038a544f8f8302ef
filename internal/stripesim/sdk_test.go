package stripesim_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/paymentintent"

	"example.com/triplecharge/internal/stripesim"
	"example.com/triplecharge/internal/stripesim/control"
)

// These tests show how stripe-go itself behaves, which a billing worker depends on. It treats the
// simulator's replies as it treats Stripe's.

// counted counts requests and their idempotency keys.
type counted struct {
	mu   sync.Mutex
	keys []string
	next http.Handler
}

func (c *counted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.keys = append(c.keys, r.Header.Get("Idempotency-Key"))
	c.mu.Unlock()
	c.next.ServeHTTP(w, r)
}

func (c *counted) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	keys := c.keys
	c.keys = nil
	return keys
}

// retrying is stripe-go with its own retries, but without its pauses.
func retrying(address string) paymentintent.Client {
	b := stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
		URL:               stripe.String(address),
		MaxNetworkRetries: stripe.Int64(2),
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull},
		// No reused connections, whose end net/http itself answers with another attempt.
		HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	})
	b.(*stripe.BackendImplementation).SetNetworkRetriesSleep(false)
	return paymentintent.Client{B: b, Key: testKey}
}

func TestStripeGoAttempts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		card    string
		prepare func(w *world, p *stripe.PaymentIntentParams)
		amount  int64
		want    int
	}{
		"success":         {want: 1},
		"a decline":       {card: "pm_card_chargeCustomerFail", want: 1},
		"a bad parameter": {amount: 1, want: 1},
		"a rate limit":    {prepare: (*world).exhaust, want: 1},
		"a saved 500":     {prepare: (*world).fail, want: 1},
		"a lost reply":    {prepare: (*world).lose, want: 3},
		"a key in use":    {prepare: (*world).use, want: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t, stripesim.Options{})
			counter := &counted{next: w.sim.Handler("server-a")}
			server := httptest.NewServer(counter)
			t.Cleanup(server.Close)
			card := "pm_card_visa"
			if c.card != "" {
				card = c.card
			}
			params := tenDollars(w.api("server-a").customer(t, card), "k")
			if c.amount != 0 {
				params.Amount = stripe.Int64(c.amount)
			}
			if c.prepare != nil {
				c.prepare(w, params)
			}
			i, err := retrying(server.URL).New(params)
			if got := len(counter.take()); got != c.want {
				t.Errorf("%d attempts, want %d: %v, %v", got, c.want, i, err)
			}
		})
	}
}

// exhaust uses up the requests of this second.
func (w *world) exhaust(*stripe.PaymentIntentParams) {
	w.t.Helper()
	w.limit(1)
	w.send("server-b", "GET", "/v1/balance", nil)
}

// fail makes every charge end in a 500.
func (w *world) fail(*stripe.PaymentIntentParams) {
	w.t.Helper()
	rule := control.Rule{Operation: control.OperationCharge}
	if _, err := w.control.Fail(w.t.Context(), rule, 500, control.BeforeCommit); err != nil {
		w.t.Fatal(err)
	}
}

// lose loses the reply to every charge.
func (w *world) lose(*stripe.PaymentIntentParams) {
	w.t.Helper()
	rule := control.Rule{Operation: control.OperationCharge}
	if _, err := w.control.Lose(w.t.Context(), rule); err != nil {
		w.t.Fatal(err)
	}
}

// use holds a request while it executes, until the test ends.
func (w *world) use(p *stripe.PaymentIntentParams) {
	w.t.Helper()
	gate := w.hold(control.Rule{Point: control.Executing, Server: "server-b"})
	same := *p // since stripe-go writes to what it is given
	w.start(func() error { _, err := w.api("server-b").intents.New(&same); return err })
	w.waiting(gate, 1)
}

// TestStripeGoKeysProtectOnlyItsOwnRetries is the bug that the whole project is about, in three
// calls: the key that stripe-go makes up is another one each time.
func TestStripeGoKeysProtectOnlyItsOwnRetries(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	counter := &counted{next: w.sim.Handler("")}
	server := httptest.NewServer(counter)
	t.Cleanup(server.Close)
	who := w.api("server-a").customer(t, "pm_card_visa")
	for range 3 {
		if _, err := retrying(server.URL).New(tenDollars(who, "")); err != nil {
			t.Fatal(err)
		}
	}
	keys := make(map[string]bool)
	for _, key := range counter.take() {
		keys[key] = true
	}
	if len(keys) != 3 || keys[""] {
		t.Errorf("three calls sent the keys %v, want three different ones", keys)
	}
	if n := w.charges(); n != 3 {
		t.Errorf("%d charges, want 3", n)
	}

	w.lose(nil)
	if _, err := retrying(server.URL).New(tenDollars(who, "")); err == nil {
		t.Fatal("the reply was not lost")
	}
	if n := w.charges(); n != 4 {
		t.Errorf("%d charges after three attempts of one call, want one more", n)
	}
}

func TestStripeGoDefaults(t *testing.T) {
	t.Parallel()
	b := stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{})
	ours := b.(*stripe.BackendImplementation)
	if ours.URL != "https://api.stripe.com" {
		t.Errorf("a backend without a URL goes to %q, not to the real Stripe", ours.URL)
	}
	if got := ours.HTTPClient.Timeout; got != 80*time.Second {
		t.Errorf("the time-out is %v, want 80 s, longer than any lease", got)
	}
	if ours.MaxNetworkRetries != 2 {
		t.Errorf("%d retries, want 2", ours.MaxNetworkRetries)
	}
	if stripe.APIVersion != "2023-10-16" {
		t.Errorf("stripe-go speaks %s", stripe.APIVersion)
	}
}
