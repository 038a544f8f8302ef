package stripecharge

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/stripe/stripe-go/v76"
	"golang.org/x/time/rate"
)

// pace keeps a server's requests within Stripe's limits (https://docs.stripe.com/rate-limits): it
// bounds those in flight and those per second, and slows down after a 429. Safe for concurrent use.
type pace struct {
	slots chan struct{} // one for each request in flight; nil: any number
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
	// second is the time a rate is measured over, and instant the least time to measure one over.
	second, instant = time.Second, 100 * time.Millisecond
)

func newPace(o Options) *pace {
	p := &pace{most: rate.Inf, now: o.Now, next: make(chan struct{}, 1)}
	if p.now == nil {
		p.now = time.Now
	}
	if o.PerSecond > 0 {
		p.most = rate.Limit(o.PerSecond)
	}
	if o.AtOnce > 0 {
		p.slots = make(chan struct{}, o.AtOnce)
	}
	p.limiter = rate.NewLimiter(p.most, 1)
	return p
}

// enter returns when a request may be sent, or with ctx's error when ctx ends. Without an error,
// the caller must call leave.
func (p *pace) enter(ctx context.Context) error {
	if p.slots != nil {
		select {
		case p.slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := p.turn(ctx)
	if err != nil {
		p.leave()
	}
	return err
}

// leave makes way for the next request.
func (p *pace) leave() {
	if p.slots != nil {
		<-p.slots
	}
}

// turn waits until the Retry-After is over and the limit allows a request.
func (p *pace) turn(ctx context.Context) error {
	select {
	case p.next <- struct{}{}:
		defer func() { <-p.next }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		p.mu.Lock()
		wait := p.resume.Sub(p.now())
		p.mu.Unlock()
		if wait <= 0 {
			break
		}
		if !pause(ctx, wait) {
			return ctx.Err()
		}
	}
	if err := p.limiter.Wait(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := p.now(); now.Sub(p.since) > second {
		p.since, p.sent = now, 0
	}
	p.sent++
	return nil
}

// took records that Stripe accepted a request.
func (p *pace) took() {
	p.mu.Lock() // or it would undo a refusal that comes at the same time
	defer p.mu.Unlock()
	if now := p.limiter.Limit(); now < p.most {
		p.limiter.SetLimit(min(p.most, now+regain))
	}
}

// refused records a 429 for a request sent at that time, and how long Stripe wants no other.
func (p *pace) refused(sent time.Time, retryAfter time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if resume := now.Add(retryAfter); resume.After(p.resume) {
		p.resume = resume
	}
	if sent.Before(p.slowed) {
		return // sent before the limit was lowered: it proves nothing about the new limit
	}
	p.slowed = now
	limit := p.limiter.Limit()
	if limit == rate.Inf {
		// The limit that was exceeded is not known, but the rate that was sent is.
		limit = rate.Limit(float64(p.sent) / max(now.Sub(p.since), instant).Seconds())
	}
	p.limiter.SetLimit(max(slowest, limit*slowBy))
}

// tooMany reports whether an error is a 429 for too many requests, and how long Stripe asks to
// wait; 0 if it doesn't say. A lock_timeout, which has the same status, concerns one object and is
// no reason to slow down.
func tooMany(err error) (retryAfter time.Duration, ok bool) {
	var s *stripe.Error
	if !errors.As(err, &s) || s.HTTPStatusCode != http.StatusTooManyRequests {
		return 0, false
	}
	if s.LastResponse != nil {
		// One that is too large for a number is infinite here.
		seconds, err := strconv.ParseFloat(s.LastResponse.Header.Get("Retry-After"), 64)
		if seconds >= 0 && (err == nil || errors.Is(err, strconv.ErrRange)) {
			limit := maxRetryAfter.Seconds()
			return time.Duration(min(seconds, limit) * float64(time.Second)), true
		}
	}
	return 0, s.Code == stripe.ErrorCodeRateLimit
}
