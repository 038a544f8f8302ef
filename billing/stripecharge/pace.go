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

// pace keeps all invoices of a server to what Stripe takes: no more requests at a time than there
// are slots, no more in a second than the limit, and fewer once Stripe has said that it was too
// many (https://docs.stripe.com/rate-limits). Safe for concurrent use.
type pace struct {
	slots   chan struct{} // one for each request under way; nil: any number
	next    chan struct{} // held by the one whose turn is next, so that a new limit is for all others
	limiter *rate.Limiter
	most    rate.Limit // what the limiter may rise to
	now     func() time.Time

	mu     sync.Mutex
	resume time.Time // nothing is sent before: Stripe's Retry-After
	slowed time.Time // when the limit was lowered the last time
	since  time.Time // from when on sent counts
	sent   int
}

const (
	// slowBy is how much less is sent after a refusal, and regain what each success gives back, in
	// requests a second: it takes some ten seconds until it is tried whether more can be had again.
	slowBy = 0.7
	regain = 0.05
	// slowest is one request in two seconds, so that it is noticed when Stripe takes more again.
	slowest rate.Limit = 0.5
	// second is what a rate is taken over, and instant the least that one can be taken over.
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

// enter returns when a request may be sent, or when ctx has ended, with its error. After it, leave
// must be called.
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

// turn waits until Stripe is to be asked again and the limit allows it.
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

// took is told that Stripe took a request in.
func (p *pace) took() {
	if now := p.limiter.Limit(); now < p.most {
		p.limiter.SetLimit(min(p.most, now+regain))
	}
}

// refused is told that Stripe took a request, sent at the time, for one too many, and wants none
// for some time.
func (p *pace) refused(sent time.Time, retryAfter time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if resume := now.Add(retryAfter); resume.After(p.resume) {
		p.resume = resume
	}
	if sent.Before(p.slowed) {
		return // by what was sent before, it can't be known if it is slow enough now
	}
	p.slowed = now
	limit := p.limiter.Limit()
	if limit == rate.Inf {
		// It is not known what was too much, but what was sent.
		limit = rate.Limit(float64(p.sent) / max(now.Sub(p.since), instant).Seconds())
	}
	p.limiter.SetLimit(max(slowest, limit*slowBy))
}

// tooMany reports whether an error is Stripe's refusal of one request too many, and how long Stripe
// wants to be left alone; 0 if it doesn't say. A lock_timeout, which has the same status, is about
// one object, and no reason to slow down.
func tooMany(err error) (retryAfter time.Duration, ok bool) {
	var s *stripe.Error
	if !errors.As(err, &s) || s.HTTPStatusCode != http.StatusTooManyRequests {
		return 0, false
	}
	if s.LastResponse != nil {
		seconds, err := strconv.Atoi(s.LastResponse.Header.Get("Retry-After"))
		if err == nil && seconds >= 0 {
			return time.Duration(seconds) * time.Second, true
		}
	}
	return 0, s.Code == stripe.ErrorCodeRateLimit
}
