package stripesim

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Options are the settings of a Simulator. The zero value adds no latency, has no rate limit, and
// uses the machine's clock.
type Options struct {
	// Latency is how long a request that can take money executes before it commits, in real time.
	Latency time.Duration
	// Jitter is the maximum random extra latency, uniformly distributed from zero.
	Jitter time.Duration
	// RateLimit is how many requests a second are answered before 429; zero means no limit. Stripe
	// allows 100 in live mode, 25 in a sandbox (https://docs.stripe.com/rate-limits).
	RateLimit int
	// EndpointLimit is RateLimit for each endpoint by itself. Stripe allows 25.
	EndpointLimit int
	// SearchLag is how long an object takes to reach the search index, by the simulator's clock.
	// Stripe's takes "up to a minute" (https://docs.stripe.com/search).
	SearchLag time.Duration
	// LockTimeout is how long a request waits for an object that another request uses before it
	// gets 429 lock_timeout; zero means a second: long enough for a charge of ordinary latency to
	// finish, short enough for a test. Stripe publishes no figure.
	LockTimeout time.Duration
	// Now is the clock that the control API sets the simulator's clock relative to; nil means
	// time.Now. It is called concurrently.
	Now func() time.Time
	// Log receives one line a request; nil means none. API keys never reach it.
	Log *slog.Logger
}

// Simulator is one Stripe account in test mode, with controls that Stripe does not have. It is safe
// for concurrent use. It starts no goroutine but to send events to webhook endpoints.
//
// Neither its fields nor its methods have the type of the account: each package that uses a
// Simulator would compile all tables again.
type Simulator struct {
	options Options
	clock   *clock
	rules   *rules
	inForce atomic.Pointer[settings]
	current atomic.Value // the *account, which a reset replaces
	buffers *sync.Pool

	closing   chan struct{}
	closeOnce sync.Once
}

// New returns a simulator with an empty account. Close it to release the requests it holds.
func New(o Options) *Simulator {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.LockTimeout <= 0 {
		o.LockTimeout = time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Simulator{options: o, closing: make(chan struct{}), buffers: new(sync.Pool)}
	s.buffers.New = func() any { return new(make([]byte, 0, typicalBody)) }
	s.clock = &clock{base: o.Now}
	s.rules = &rules{closing: s.closing}
	s.restore()
	return s
}

// restore sets everything to what the options say: an empty account, no rules, the clock of Now.
func (s *Simulator) restore() {
	s.clock.offset.Store(0)
	o := s.options
	s.inForce.Store(&settings{o, newLimiters(o.RateLimit, o.EndpointLimit)})
	next := newAccount(s.clock, o.LockTimeout, o.SearchLag)
	next.rules = s.rules
	if old, ok := s.current.Swap(next).(*account); ok {
		old.retire()
	}
}

func accountOf(s *Simulator) *account { return s.current.Load().(*account) }

// reset forgets everything. Held requests are dropped without a reply and without moving money;
// executing requests finish on the discarded account.
func (s *Simulator) reset() {
	s.rules.end(true, func(*rule) bool { return true })
	s.restore()
}

// settings are the options with what the control API has changed of them.
type settings struct {
	Options
	limiters map[string]*rate.Limiter // by operation; "" is all
}

// newLimiters limits the requests a second, which are also the largest burst.
func newLimiters(inAll, each int) map[string]*rate.Limiter {
	limiters := map[string]*rate.Limiter{"": rate.NewLimiter(rate.Limit(inAll), inAll)}
	for _, r := range endpoints() {
		limiters[r.operation] = rate.NewLimiter(rate.Limit(each), each)
	}
	return limiters
}

// refuses returns which limit a request exceeds, in Stripe's words; "" if none. Zero is no limit.
func (s *settings) refuses(operation string, now time.Time) (reason string) {
	one := s.limiters[operation] // a path that is not simulated has no limit of its own
	switch {
	case s.EndpointLimit > 0 && one != nil && !one.AllowN(now, 1):
		return "endpoint-rate"
	case s.RateLimit > 0 && !s.limiters[""].AllowN(now, 1):
		return "global-rate"
	}
	return ""
}

// Charges returns the number of charges so far.
func (s *Simulator) Charges() int { return accountOf(s).feed.len() }

// Close drops held requests without executing them, and ends the feeds. Later requests are dropped,
// too. It always returns nil.
func (s *Simulator) Close() error {
	s.closeOnce.Do(func() {
		close(s.closing)
		accountOf(s).retire()
	})
	return nil
}
