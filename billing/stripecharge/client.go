package stripecharge

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
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
	// AtOnce and PerSecond bound the requests that make charges: how many are under way at a time,
	// and how many are sent in a second. 0: any number.
	AtOnce    int
	PerSecond float64
	Now       func() time.Time // the clock; nil for the machine's
}

// Client calls Stripe. It is safe for concurrent use.
type Client struct {
	backend stripe.Backend
	http    *http.Client
	key     string
	timeout time.Duration // of one attempt
	pause   time.Duration // before the second attempt
	pace    *pace
}

// New returns a client; it sends nothing yet. It refuses every key but a test mode one.
func New(o Options) (*Client, error) {
	if err := CheckKey(o.Key); err != nil {
		return nil, err
	}
	if err := checkURL(o.URL); err != nil {
		return nil, err
	}
	timeout := cmp.Or(o.Timeout, DefaultTimeout)
	client := httpClient(timeout)
	config := &stripe.BackendConfig{
		EnableTelemetry:   stripe.Bool(false),
		HTTPClient:        client,
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull},
		MaxNetworkRetries: stripe.Int64(0),
	}
	if o.URL != "" {
		config.URL = stripe.String(strings.TrimRight(o.URL, "/"))
	}
	return &Client{
		backend: stripe.GetBackendWithConfig(stripe.APIBackend, config),
		http:    client,
		key:     o.Key,
		timeout: timeout,
		pause:   firstPause,
		pace:    newPace(o),
	}, nil
}

// Close closes the connections that are idle. The client can still be used.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// checkURL refuses an address that no request could be sent to: to find that out at the first
// charge is to find it out at midnight.
func checkURL(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("the URL of Stripe can't be used: want one such as http://127.0.0.1:12111")
	}
	return nil
}

// CheckKey returns an error unless the key is one of Stripe's test mode. The error doesn't contain
// the key. Call it before anything else: this software charges several times by design.
func CheckKey(key string) error {
	switch {
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("the Stripe key has a blank, a line's end or another such character " +
			"in it: set STRIPE_SECRET_KEY to the key alone")
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

// describe turns what stripe-go returned into an error of one line, without the key. stripe-go's
// own is a JSON document, and what answers in Stripe's place may repeat what it was sent.
func (c *Client) describe(err error) error {
	var s *stripe.Error
	if errors.As(err, &s) {
		code := cmp.Or(string(s.DeclineCode), string(s.Code), string(s.Type))
		err = fmt.Errorf("stripe answered %d %s: %s (request %s)",
			s.HTTPStatusCode, code, s.Msg, cmp.Or(s.RequestID, "without an ID"))
	}
	if text := err.Error(); strings.Contains(text, c.key) {
		return errors.New(strings.ReplaceAll(text, c.key, "(the key)"))
	}
	return err
}
