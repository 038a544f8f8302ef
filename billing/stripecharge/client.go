package stripecharge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/stripe/stripe-go/v76"
)

// SimulatorKey is the API key for the simulator, which accepts any test key.
const SimulatorKey = "sk_test_simulator"

// DefaultTimeout bounds one attempt. Stripe answers within seconds. stripe-go's own 80 s outlive
// any lease. A server that is asked to stop waits for its last request and then for the ledger, and
// has 30 s for both.
const DefaultTimeout = 12 * time.Second

// Options say which Stripe to call, and how.
type Options struct {
	Key     string        // sk_test_… or rk_test_…; never part of an error or a log
	URL     string        // the API's base URL; "" for Stripe's own
	Timeout time.Duration // of one attempt; 0 for DefaultTimeout
	// Patience is for how long a request is made again that Stripe does not answer, or refuses for
	// reasons of its own; 0 for DefaultPatience.
	Patience time.Duration
	// AtOnce, PerSecond and EndpointPerSecond bound the requests that take money: how many are in
	// flight at a time, and how many are sent in a second, in all and to each endpoint. 0: any
	// number.
	AtOnce            int
	PerSecond         float64
	EndpointPerSecond float64
	Now               func() time.Time // the clock; nil for the machine's
	Hold              Hold             // may be nil
}

// Client calls Stripe. It is safe for concurrent use.
type Client struct {
	backend  stripe.Backend
	http     *http.Client
	key      string
	ledger   string        // whose charges these are; "": nobody's in particular
	timeout  time.Duration // of one attempt
	pause    time.Duration // before the second attempt
	patience time.Duration
	pace     *pace
	hold     Hold
	*stopping
}

// stopping is how a client is asked to stop.
type stopping struct {
	starting sync.RWMutex // read-locked while a request starts
	stopped  context.Context
	stop     context.CancelFunc
}

// New returns a client, and sends nothing yet. It refuses every key but a test-mode key.
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
	c := &Client{
		backend:  stripe.GetBackendWithConfig(stripe.APIBackend, config),
		http:     client,
		key:      o.Key,
		timeout:  timeout,
		pause:    firstPause,
		patience: cmp.Or(o.Patience, DefaultPatience),
		pace:     newPace(o),
		hold:     o.Hold,
		stopping: &stopping{},
	}
	c.stopped, c.stop = context.WithCancel(context.Background())
	return c, nil
}

// ErrStopped: the client was asked to stop.
var ErrStopped = errors.New("the server is stopping")

// Stop ends every charge before its next request, with ErrStopped: one that waits for its turn, for
// Stripe's Retry-After or for a retry ends at once. Requests in flight are waited for. Once Stop
// has returned, no charge calls Request.Sending.
func (c *Client) Stop() {
	c.starting.Lock()
	defer c.starting.Unlock()
	c.stop()
}

// untilStop returns a context that ends with ctx, or shortly after Stop. done must be called.
func (c *Client) untilStop(ctx context.Context) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	forget := context.AfterFunc(c.stopped, func() { cancel(ErrStopped) })
	return ctx, func() {
		forget()
		cancel(nil)
	}
}

// ForLedger returns a client that charges for the ledger of that ID. The ID is in its charges'
// metadata and begins its idempotency keys, so that ledgers which share a Stripe account can use
// the same names for their invoices. Both clients have the same connections and limits.
func (c *Client) ForLedger(id string) *Client {
	of := *c
	of.ledger = id
	return &of
}

// idempotencyKey returns the key under which Stripe gets a request. Without a name it is random, as
// stripe-go makes it.
func (c *Client) idempotencyKey(name string) *string {
	switch {
	case name == "":
		name = stripe.NewIdempotencyKey()
	case c.ledger != "":
		name = c.ledger + "/" + name
	}
	return &name
}

// Close ends idle goroutines and connections. The client can still be used.
func (c *Client) Close() {
	c.pace.close()
	c.http.CloseIdleConnections()
}

// checkURL refuses an address that no request can be sent to, before the first charge at midnight
// fails because of it.
func checkURL(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("not a URL for Stripe's API: give one such as http://127.0.0.1:12111")
	}
	return nil
}

// IsLive reports whether a key charges real cards.
func IsLive(key string) bool {
	return strings.HasPrefix(key, "sk_live_") || strings.HasPrefix(key, "rk_live_")
}

// CheckKey returns an error unless the key is a Stripe test-mode key. The error doesn't contain the
// key. Call it before anything else: this software charges several times by design.
func CheckKey(key string) error {
	switch {
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("the Stripe key contains a space, a line break or a similar " +
			"character: set STRIPE_SECRET_KEY to the key alone")
	case strings.HasPrefix(key, "sk_test_"), strings.HasPrefix(key, "rk_test_"):
		return nil
	case IsLive(key):
		return errors.New("this is a live Stripe key, and it would charge real cards: " +
			"set STRIPE_SECRET_KEY to a test mode key (sk_test_…), or unset it for the simulator")
	case key == "":
		return errors.New("no Stripe key: set STRIPE_SECRET_KEY to a test mode key (sk_test_…)")
	}
	return errors.New("not a Stripe test-mode secret key: " +
		"set STRIPE_SECRET_KEY to one that begins with sk_test_, or unset it for the simulator")
}

// describe turns an error from stripe-go, which is a JSON document, into one line without the key:
// a server other than Stripe may echo the request.
func (c *Client) describe(err error) error {
	if s, answered := errors.AsType[*stripe.Error](err); answered {
		code := cmp.Or(string(s.DeclineCode), string(s.Code), string(s.Type))
		err = fmt.Errorf("stripe answered %d %s: %s (request %s)",
			s.HTTPStatusCode, code, s.Msg, cmp.Or(s.RequestID, "without an ID"))
	}
	if text := err.Error(); strings.Contains(text, c.key) {
		return errors.New(strings.ReplaceAll(text, c.key, "(the key)"))
	}
	return err
}
