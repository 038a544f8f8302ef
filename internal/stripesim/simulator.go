package stripesim

import (
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// DefaultLockTimeout is how long a request waits for an object that another request is working on
// before it is answered 429 lock_timeout. Stripe publishes no figure; a second is long enough for a
// charge of ordinary latency to finish and short enough not to hold up a test.
const DefaultLockTimeout = time.Second

// Options are the settings of a Simulator. The zero value answers at once, has no rate limit, and
// runs by the machine's clock.
type Options struct {
	// Latency is how long a request that can take money executes before it commits, in real time.
	Latency time.Duration
	// Jitter is added to Latency, uniformly distributed between zero and this.
	Jitter time.Duration
	// RateLimit is how many requests a second are answered before 429; zero means no limit.
	// Stripe's test mode allows 25 (https://stripe.com/docs/rate-limits).
	RateLimit int
	// SearchLag is how long an object takes to reach the search index, by the simulator's clock.
	// Stripe's takes "up to a minute" (https://stripe.com/docs/search).
	SearchLag time.Duration
	// LockTimeout is how long a request waits for an object that another request is working on;
	// zero means DefaultLockTimeout.
	LockTimeout time.Duration
	// Now is the clock that the admin's settings are relative to; nil means time.Now. It is called
	// concurrently.
	Now func() time.Time
	// Log receives one line a request; nil means none. API keys never reach it.
	Log *slog.Logger
}

// Simulator is one Stripe account in test mode, with the controls that Stripe does not have. It is
// safe for concurrent use. It starts no goroutine of its own.
type Simulator struct {
	options Options
	clock   *clock
	rules   *rules
	limiter atomic.Pointer[rate.Limiter] // nil: no limit
	latency atomic.Pointer[latency]
	account atomic.Pointer[account] // replaced as a whole by a reset
	buffers *sync.Pool

	closing   chan struct{}
	closeOnce sync.Once
}

// latency is how long a request that can take money executes.
type latency struct {
	fixed, jitter time.Duration
}

// New returns a simulator with an empty account. Close it to release the requests it holds.
func New(o Options) *Simulator {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.LockTimeout <= 0 {
		o.LockTimeout = DefaultLockTimeout
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Simulator{options: o, closing: make(chan struct{}), buffers: newBuffers()}
	s.clock = newClock(o.Now)
	s.rules = newRules(s.closing)
	s.restore()
	return s
}

// restore sets everything to what the options say: an empty account, no rules, the clock of Now.
func (s *Simulator) restore() {
	s.clock.restore()
	s.setRateLimit(s.options.RateLimit)
	s.latency.Store(&latency{s.options.Latency, s.options.Jitter})
	old := s.account.Swap(newAccount(s.clock, s.options.LockTimeout, s.options.SearchLag))
	if old != nil {
		old.retire()
	}
}

// reset forgets everything. Requests that are held are dropped without a reply and without having
// moved money; those that are executing finish on the account that was thrown away.
func (s *Simulator) reset() {
	s.rules.abortAll()
	s.restore()
}

// setRateLimit limits the API to so many requests a second, with bursts of as many; zero lifts it.
func (s *Simulator) setRateLimit(perSecond int) {
	if perSecond <= 0 {
		s.limiter.Store(nil)
		return
	}
	s.limiter.Store(rate.NewLimiter(rate.Limit(perSecond), perSecond))
}

// Handler serves the API. Requests that come through it are attributed to the given server name,
// since their bodies, by rule, do not say who sent them; "" is unknown. A client that hangs up
// changes nothing about its request: it executes all the same, as at Stripe.
func (s *Simulator) Handler(server string) http.Handler {
	return s.routes(server)
}

// Charges returns how often money was taken so far.
func (s *Simulator) Charges() int { return s.account.Load().feed.len() }

// Close drops the requests that are held, without executing them, and ends the feeds. Requests that
// arrive afterwards are dropped as well. It always returns nil.
func (s *Simulator) Close() error {
	s.closeOnce.Do(func() { close(s.closing) })
	return nil
}
