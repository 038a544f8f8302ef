package stripecharge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"example.com/triplecharge/billing"
	"github.com/stripe/stripe-go/v76"
)

const (
	// maxAttempts, firstPause and doublings together wait for a second and a half: long enough for
	// another server's request under the same key to finish, short compared with a lease.
	maxAttempts = 6
	firstPause  = 50 * time.Millisecond
	doublings   = 4
	// DefaultPatience is for requests that reach nobody: as long as a failover takes.
	DefaultPatience = 10 * time.Second
)

// refusalLimit is how long a request that gets a 429 is sent again. A longer refusal is not about
// the rate: Stripe refuses everything.
const refusalLimit = 10 * time.Minute

// operation is a request that takes money, or brings a PaymentIntent nearer to it.
type operation struct {
	to   endpoint
	send func(context.Context) (*stripe.PaymentIntent, error)
}

// patiently sends a request that takes money, and retries it.
func (c *Client) patiently(
	ctx context.Context, r billing.Request, o operation,
) (*stripe.PaymentIntent, error) {
	ctx, done := c.untilStop(ctx)
	defer done()
	var (
		worst = billing.ErrNotSent // of the attempts so far: one unknown outcome stays unknown
		last  error                // of the last attempt
		first time.Time            // when the first one began
		sent  int                  // attempts that a connection was handed
	)
	for try := 0; ; try++ {
		intent, began, err := c.attempt(ctx, r, o)
		if began.IsZero() {
			return nil, fmt.Errorf("%w: %w", worst, after(last, err))
		}
		if err == nil && intent.ID == "" {
			err = errNotAnIntent
		}
		if err == nil {
			return intent, nil
		}
		outcome, again := classify(err)
		last = c.describe(err)
		if errors.Is(outcome, billing.ErrDeclined) {
			return nil, fmt.Errorf("%w: %w", outcome, last)
		}
		if errors.Is(outcome, billing.ErrUnknown) {
			worst = outcome
		}
		if !errors.Is(err, errNoConnection) {
			sent++
		}
		if try == 0 {
			first = began
		}
		wait := c.pause << min(try, doublings)
		patience := c.patience
		if sent > 0 { // one that gets no answer in its time ends the patience, too
			patience = min(patience, c.timeout)
		}
		late := c.pace.all.now().Sub(first)+wait > patience
		switch {
		case !again:
			return nil, fmt.Errorf("%w: %w", worst, last)
		case sent == maxAttempts || late:
			return nil, fmt.Errorf("%w: %w", worst, unavailable(err, last))
		case !pause(ctx, wait):
			return nil, fmt.Errorf("%w: %w", worst, after(last, context.Cause(ctx)))
		}
	}
}

// attempt is the only place that sends a request that takes money. It waits for its turn and checks
// that the lease is still valid. A 429 for too many requests does not count as an attempt; the
// request waits for another turn. began is zero if nothing was to be sent.
func (c *Client) attempt(
	ctx context.Context, r billing.Request, o operation,
) (intent *stripe.PaymentIntent, began time.Time, err error) {
	for {
		if err := c.pace.enter(ctx, o.to); err != nil {
			// It also fails before ctx ends, if its turn comes later than that.
			return nil, time.Time{}, cmp.Or(context.Cause(ctx), err)
		}
		if err := c.start(ctx, r); err != nil {
			c.pace.leave()
			return nil, time.Time{}, err
		}
		sent := c.pace.all.now()
		c.pace.run(func() { intent, err = o.handOver(ctx) })
		refusal, ok := tooMany(err)
		if ok {
			c.pace.refused(o.to, sent, refusal)
		} else if err == nil {
			c.pace.took(o.to, c.pace.all.now().Sub(sent))
		}
		c.pace.leave() // only here: the next request must know of the refusal
		if began.IsZero() {
			began = sent
		}
		if !ok || sent.Sub(began) > refusalLimit {
			return intent, began, err
		}
	}
}

// start is Request.Start, unless ctx has ended or the client has been stopped.
func (c *Client) start(ctx context.Context, r billing.Request) error {
	c.starting.RLock()
	defer c.starting.RUnlock()
	if c.stopped.Err() != nil {
		return ErrStopped
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return r.Start()
}

// handOver sends a request, and waits for its answer even if ctx ends meanwhile. A request that has
// no connection when ctx ends, or when it fails, was not sent and never will be.
func (o operation) handOver(ctx context.Context) (*stripe.PaymentIntent, error) {
	var g gate
	waiting, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() {
		if g.shut() {
			cancel(context.Cause(ctx))
		}
	})()
	intent, err := o.send(context.WithValue(waiting, gateKey{}, &g))
	if err != nil && g.shut() {
		err = fmt.Errorf("%w: %w", errNoConnection, err)
	}
	return intent, err
}

// unavailable adds billing.ErrUnavailable to the last error of a request unless that concerns only
// this request: its key or its customer is in use elsewhere.
func unavailable(err, last error) error {
	_, refused := tooMany(err)
	s, answered := errors.AsType[*stripe.Error](err)
	if answered && s.HTTPStatusCode < http.StatusInternalServerError && !refused {
		return last
	}
	return fmt.Errorf("%w: %w", billing.ErrUnavailable, last)
}

// errNotAnIntent: something other than Stripe answers 200 to everything.
var errNotAnIntent = errors.New("the answer is not a PaymentIntent")

// after adds the error of the previous attempt, if there was one.
func after(last, err error) error {
	if last == nil {
		return err
	}
	return fmt.Errorf("%w, after an attempt that ended with: %w", err, last)
}

// classify returns what an attempt's error means for the money, and whether to retry under the same
// key. The sources are https://docs.stripe.com/error-low-level, and stripe-go for the header.
func classify(err error) (outcome error, again bool) {
	s, answered := errors.AsType[*stripe.Error](err)
	if !answered {
		if errors.Is(err, errNoConnection) {
			return billing.ErrNotSent, true
		}
		return billing.ErrUnknown, true // the answer is lost, or somebody else's
	}
	outcome, again = byStatus(s)
	// Whatever the status says, the PaymentIntent that it is about may be taking money.
	if p := s.PaymentIntent; p != nil && p.Status != "" &&
		(stateOf(p) == Open || stateOf(p) == Succeeded) {
		outcome = billing.ErrUnknown
	}
	if s.LastResponse != nil {
		if v := s.LastResponse.Header.Get("Stripe-Should-Retry"); v == "true" || v == "false" {
			again = v == "true"
		}
	}
	return outcome, again
}

// byStatus is classify for an answer of Stripe's own. Only a 402 decides anything about the card.
func byStatus(s *stripe.Error) (outcome error, again bool) {
	switch s.HTTPStatusCode {
	case http.StatusPaymentRequired:
		return billing.ErrDeclined, false
	case http.StatusConflict:
		// The key is in use: another server's request, or our own earlier one, is executing.
		return billing.ErrUnknown, true
	case http.StatusTooManyRequests:
		return billing.ErrNotSent, true
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden,
		http.StatusNotFound:
		if s.Type == stripe.ErrorTypeIdempotency {
			// The key was used with other parameters before, and that request may have charged.
			return billing.ErrUnknown, false
		}
		return billing.ErrNotSent, false
	case http.StatusInternalServerError:
		// It is saved under the key, whether the charge was made or not: a retry would get it
		// again.
		return billing.ErrUnknown, false
	}
	// The request may or may not have arrived in time (408), or have reached Stripe (502 to 504).
	return billing.ErrUnknown, s.HTTPStatusCode == http.StatusRequestTimeout ||
		s.HTTPStatusCode > http.StatusInternalServerError
}

// readAttempts and the pauses between them wait for six seconds, so that a list that takes an hour
// survives a dropped connection or a rate limit that others used up.
const readAttempts = 8

// repeat makes a call until it succeeds or again reports that a retry is useless. The call must be
// safe to repeat. ctx ends the pauses between calls. The error it returns is described.
func (c *Client) repeat(
	ctx context.Context, again func(error) bool, call func() error,
) (err error) {
	for attempt := range readAttempts {
		if attempt > 0 && !pause(ctx, c.pause<<(attempt-1)) {
			break
		}
		if err = ctx.Err(); err != nil {
			return err
		}
		if err = call(); err == nil {
			return nil
		}
		if !again(err) {
			break
		}
	}
	return c.describe(err)
}

// sameKey reports whether to retry under the same key: not after a 500, which is saved under the
// key.
func sameKey(err error) bool {
	_, again := classify(err)
	return again
}

// anyTransient reports whether to retry a call that has the same effect however often it is made: a
// GET, or a cancellation.
func anyTransient(err error) bool {
	if errors.Is(err, ErrNoIntent) {
		return false
	}
	s, answered := errors.AsType[*stripe.Error](err)
	return answered && s.HTTPStatusCode >= http.StatusInternalServerError || sameKey(err)
}

// pause waits for d, and reports false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
