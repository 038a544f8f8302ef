package stripecharge

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stripe/stripe-go/v76"
	"golang.org/x/time/rate"
)

// pace keeps a server's requests within Stripe's limits (https://docs.stripe.com/rate-limits): it
// bounds those in flight and those per second, in all and of each endpoint, and slows down after a
// 429. Safe for concurrent use.
type pace struct {
	slots chan struct{} // one for each request in flight; nil: any number
	all   *lane
	each  map[endpoint]*lane
	takes atomic.Int64 // how long Stripe takes for a request, in ns: a moving average; 0 at first

	jobs   chan func()     // for goroutines that wait for another request to send
	closed context.Context // they don't wait any more
	close  context.CancelFunc
}

// endpoint is what Stripe limits by itself: the name of its operation.
type endpoint string

// The endpoints that take money, or bring a PaymentIntent nearer to it.
const (
	create  endpoint = "create"
	confirm endpoint = "confirm"
	cancel  endpoint = "cancel"
)

// lane keeps requests within one limit.
type lane struct {
	// next serializes waiters, so a lowered limit applies to all later requests.
	next    chan struct{}
	limiter *rate.Limiter
	most    rate.Limit // the limiter's maximum
	now     func() time.Time

	mu     sync.Mutex
	resume time.Time // Stripe's Retry-After: nothing is sent earlier
	slowed time.Time // when the limit was last lowered
	since  time.Time // sent counts from here
	sent   int
}

const (
	// slowBy is what the rate is multiplied by after a refusal, and regain what each success adds,
	// in requests a second: after some ten seconds the old rate is tried again.
	slowBy = 0.7
	regain = 0.05
	// slowest is one request in two seconds, to notice when Stripe accepts more again.
	slowest rate.Limit = 0.5
	// maxRetryAfter bounds what Stripe asks for. Its limits are per second
	// (https://docs.stripe.com/rate-limits), so a longer wait is a mistake on the way, and a claim
	// waits, too. One request in half a minute shows when it is over.
	maxRetryAfter = 30 * time.Second
	// averageOf is over how many requests, about, the time for one is averaged.
	averageOf = 32
	// idleSender is how long a goroutine waits for another request to send.
	idleSender = time.Second
	// mostSenders is up to how many requests in flight such goroutines save time. With more, they
	// save none, and take memory beside the invoices' own.
	mostSenders = 64
	// second is the time a rate is measured over, and instant the least time to measure one over.
	second, instant = time.Second, 100 * time.Millisecond
)

func newPace(o Options) *pace {
	now := o.Now
	if now == nil {
		now = time.Now
	}
	limited := func(perSecond float64) *lane {
		most := rate.Inf
		if perSecond > 0 {
			most = rate.Limit(perSecond)
		}
		return &lane{
			next: make(chan struct{}, 1), limiter: rate.NewLimiter(most, 1), most: most, now: now,
		}
	}
	p := &pace{all: limited(o.PerSecond), each: map[endpoint]*lane{}, jobs: make(chan func())}
	p.closed, p.close = context.WithCancel(context.Background())
	for _, e := range []endpoint{create, confirm, cancel} {
		p.each[e] = limited(o.EndpointPerSecond)
	}
	if o.AtOnce > 0 {
		p.slots = make(chan struct{}, o.AtOnce)
	}
	return p
}

// enter returns when a request may be sent to the endpoint, or with ctx's error when ctx ends.
// Without an error, the caller must call leave. Whoever waits for the endpoint has no slot yet, so
// that other endpoints go on.
func (p *pace) enter(ctx context.Context, e endpoint) error {
	if err := p.each[e].turn(ctx); err != nil {
		return err
	}
	if p.slots != nil {
		select {
		case p.slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := p.all.turn(ctx); err != nil {
		p.leave()
		return err
	}
	p.each[e].count()
	p.all.count()
	return nil
}

// leave makes way for the next request.
func (p *pace) leave() {
	if p.slots != nil {
		<-p.slots
	}
}

// run calls send on a goroutine that has sent others, and returns when it has. A request needs a
// deep stack: its invoice's goroutine would grow its own, step by step, and keep it while the
// charge is recorded. After close each request has a goroutine of its own. With more in flight than
// mostSenders, the caller's goroutine sends.
func (p *pace) run(send func()) {
	if cap(p.slots) > mostSenders {
		send()
		return
	}
	ended := make(chan struct{})
	job := func() {
		defer close(ended)
		send()
	}
	select {
	case p.jobs <- job:
	default:
		go p.runAll(job)
	}
	<-ended
}

// runAll runs a job, and those that come while it waits for another.
func (p *pace) runAll(job func()) {
	idle := time.NewTimer(idleSender)
	defer idle.Stop()
	for {
		job()
		idle.Reset(idleSender)
		select {
		case job = <-p.jobs:
		case <-idle.C:
			return
		case <-p.closed.Done():
			return
		}
	}
}

// Takes returns how many requests that take money Stripe takes in d: as many as the limits allow,
// if each takes as long as those before. It is 0 until one was taken.
func (c *Client) Takes(d time.Duration) int {
	p := c.pace
	each := p.takes.Load()
	if each == 0 {
		return 0
	}
	n := float64(cap(p.slots)) * float64(d) / float64(each)
	for _, e := range p.each {
		n = min(n, d.Seconds()*float64(min(e.limiter.Limit(), p.all.limiter.Limit())))
	}
	return max(1, int(n))
}

// turn waits until the Retry-After is over and the limit allows a request.
func (l *lane) turn(ctx context.Context) error {
	select {
	case l.next <- struct{}{}:
		defer func() { <-l.next }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		l.mu.Lock()
		wait := l.resume.Sub(l.now())
		l.mu.Unlock()
		if wait <= 0 {
			break
		}
		if !pause(ctx, wait) {
			return ctx.Err()
		}
	}
	return l.limiter.Wait(ctx)
}

// count counts a request that is sent now.
func (l *lane) count() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.now(); now.Sub(l.since) > second {
		l.since, l.sent = now, 0
	}
	l.sent++
}

// took records that Stripe accepted a request of the endpoint, and how long that took.
func (p *pace) took(e endpoint, d time.Duration) {
	p.each[e].took()
	p.all.took()
	average := cmp.Or(p.takes.Load(), int64(d))
	p.takes.Store(average + (int64(d)-average)/averageOf)
}

// refused records a 429 for a request of the endpoint that was sent at that time. Stripe says
// whether the endpoint's limit or the account's was exceeded; without that, all slow down.
func (p *pace) refused(e endpoint, sent time.Time, r refusal) {
	l := p.all
	if strings.HasPrefix(r.reason, "endpoint") {
		l = p.each[e]
	}
	l.refused(sent, r.retryAfter)
}

// took records that Stripe accepted a request.
func (l *lane) took() {
	l.mu.Lock() // or it would undo a refusal that comes at the same time
	defer l.mu.Unlock()
	if now := l.limiter.Limit(); now < l.most {
		l.limiter.SetLimit(min(l.most, now+regain))
	}
}

// refused records a 429 for a request sent at that time, and how long Stripe wants no other.
func (l *lane) refused(sent time.Time, retryAfter time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if resume := now.Add(retryAfter); resume.After(l.resume) {
		l.resume = resume
	}
	if sent.Before(l.slowed) {
		return // sent before the limit was lowered: it proves nothing about the new limit
	}
	l.slowed = now
	limit := l.limiter.Limit()
	if limit == rate.Inf {
		// The limit that was exceeded is not known, but the rate that was sent is.
		limit = rate.Limit(float64(l.sent) / max(now.Sub(l.since), instant).Seconds())
	}
	l.limiter.SetLimit(max(slowest, limit*slowBy))
}

// refusal is a 429 for too many requests.
type refusal struct {
	retryAfter time.Duration // 0 if Stripe doesn't say
	reason     string        // Stripe's word for the limit, such as endpoint-rate
}

// tooMany returns the refusal if an error is one. A lock_timeout, which has the same status,
// concerns one object and is no reason to slow down.
func tooMany(err error) (r refusal, ok bool) {
	var s *stripe.Error
	if !errors.As(err, &s) || s.HTTPStatusCode != http.StatusTooManyRequests {
		return r, false
	}
	if s.LastResponse != nil {
		r.reason = s.LastResponse.Header.Get("Stripe-Rate-Limited-Reason")
		// One that is too large for a number is infinite here.
		seconds, err := strconv.ParseFloat(s.LastResponse.Header.Get("Retry-After"), 64)
		if seconds >= 0 && (err == nil || errors.Is(err, strconv.ErrRange)) {
			limit := maxRetryAfter.Seconds()
			r.retryAfter = time.Duration(min(seconds, limit) * float64(time.Second))
			return r, true
		}
	}
	return r, s.Code == stripe.ErrorCodeRateLimit
}
