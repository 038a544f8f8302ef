package stripecharge

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v76"
)

// SimulatorKey is the API key for the simulator, which accepts any test key.
const SimulatorKey = "sk_test_simulator"

// DefaultTimeout bounds one attempt. Stripe answers within seconds; stripe-go's own 80 s outlive
// any lease, and a server that is asked to stop has to wait for its last request.
const DefaultTimeout = 20 * time.Second

// Options say which Stripe is called, and how.
type Options struct {
	Key     string        // sk_test_… or rk_test_…; never part of an error or a log
	URL     string        // the API's base URL; "" for Stripe's own
	Timeout time.Duration // of one attempt; 0 for DefaultTimeout
}

// Client calls Stripe. It is safe for concurrent use.
type Client struct {
	backend stripe.Backend
	key     string
	timeout time.Duration
}

// New returns a client; it sends nothing yet. It refuses every key but a test mode one.
func New(o Options) (*Client, error) {
	if err := CheckKey(o.Key); err != nil {
		return nil, err
	}
	timeout := cmp.Or(o.Timeout, DefaultTimeout)
	config := &stripe.BackendConfig{
		EnableTelemetry:   stripe.Bool(false),
		HTTPClient:        httpClient(timeout),
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull},
		MaxNetworkRetries: stripe.Int64(0),
	}
	if o.URL != "" {
		config.URL = stripe.String(strings.TrimRight(o.URL, "/"))
	}
	return &Client{
		backend: stripe.GetBackendWithConfig(stripe.APIBackend, config),
		key:     o.Key,
		timeout: timeout,
	}, nil
}

// CheckKey returns an error unless the key is one of Stripe's test mode. The error doesn't contain
// the key. Call it before anything else: this software charges several times by design.
func CheckKey(key string) error {
	switch {
	case strings.HasPrefix(key, "sk_test_"), strings.HasPrefix(key, "rk_test_"):
		return nil
	case strings.HasPrefix(key, "sk_live_"), strings.HasPrefix(key, "rk_live_"):
		return errors.New("this is a live Stripe key, and it would charge real cards: " +
			"set STRIPE_SECRET_KEY to a test mode key (sk_test_…), or unset it for the simulator")
	case key == "":
		return errors.New("no Stripe key: set STRIPE_SECRET_KEY to a test mode key (sk_test_…)")
	}
	return errors.New("this is no Stripe secret key of test mode: " +
		"set STRIPE_SECRET_KEY to one that begins with sk_test_, or unset it for the simulator")
}

// describe turns what stripe-go returned into an error of one line. stripe-go's own is a JSON
// document.
func describe(err error) error {
	var s *stripe.Error
	if !errors.As(err, &s) {
		return err
	}
	code := cmp.Or(string(s.DeclineCode), string(s.Code), string(s.Type))
	return fmt.Errorf("stripe answered %d %s: %s (request %s)",
		s.HTTPStatusCode, code, s.Msg, cmp.Or(s.RequestID, "without an ID"))
}
