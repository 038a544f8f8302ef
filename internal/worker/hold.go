package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/ledger"
)

// The dependencies of a due run, as its events name them.
const (
	redisServer    = "Redis"
	postgresServer = "Postgres"
	stripeServer   = "Stripe"
)

// hold keeps a due run from using up its list while a dependency is away. A call that its port gave
// up on waits here until the dependency answers, and its invoice with it. So the run hands out no
// more invoices than it handles at a time.
type hold struct {
	*events
	limit time.Duration               // after which the run ends; 0: no call waits
	ping  func(context.Context) error // asks whether Stripe answers
	stop  context.CancelCauseFunc     // ends the server

	mu       sync.Mutex
	run      context.Context // of the current due run; nil before the first
	end      context.CancelCauseFunc
	away     map[string]*absence  // by dependency
	returned map[string]time.Time // when the dependency last came back
}

// absence is a time in which a dependency does not answer.
type absence struct {
	began time.Time
	limit *time.Timer   // ends the run
	over  chan struct{} // closed when the dependency answers
}

// triesEvery is the pause before a call is made again.
const triesEvery = time.Second

var errHeldTooLong = errors.New("gave up")

// begin returns the context of a new due run. The caller ends it.
func (h *hold) begin(ctx context.Context) (run context.Context, end func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.run, h.end = context.WithCancelCause(ctx)
	h.away, h.returned = map[string]*absence{}, map[string]time.Time{}
	return h.run, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.end(nil)
		for _, a := range h.away {
			a.limit.Stop()
		}
	}
}

// during returns a context for an invoice. If the server is stopped, or the limit reached, while a
// dependency is away, what waits for it is called off. Otherwise an invoice that has begun ends.
func (h *hold) during(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	stop := context.AfterFunc(h.run, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if len(h.away) > 0 {
			cancel()
		}
	})
	return ctx, func() { stop(); cancel() }
}

// persist returns a function that makes calls to a dependency. It repeats a call that ends with
// billing.ErrUnavailable for as long as the run may be held.
func (h *hold) persist(
	dependency string,
) func(ctx context.Context, call func(context.Context) error) error {
	return func(ctx context.Context, call func(context.Context) error) error {
		var failed time.Time // first
		for {
			asked := time.Now()
			err := call(ctx)
			if errors.Is(err, ledger.ErrForgot) {
				h.stop(err)
			}
			if !h.unavailable(ctx, dependency, err) {
				return err
			}
			if failed.IsZero() {
				failed = time.Now()
			}
			// The second limit is for a call that fails alone, while others are answered.
			if !h.wait(ctx, dependency, asked, err) || time.Since(failed) > h.limit {
				return err
			}
		}
	}
}

// unavailable reports whether a call ended because its dependency is away. Any other outcome ends
// the absence.
func (h *hold) unavailable(ctx context.Context, dependency string, err error) bool {
	if errors.Is(err, billing.ErrUnavailable) || ctx.Err() != nil {
		return errors.Is(err, billing.ErrUnavailable)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if a := h.away[dependency]; a != nil {
		delete(h.away, dependency)
		h.returned[dependency] = time.Now()
		a.limit.Stop()
		close(a.over)
		h.took(h.run, event.RunResumed, a.began, slog.String("reason", dependency))
	}
	return false
}

// wait returns when a call that was made at the given time, and failed with err, is worth another
// try. It reports false if the run has ended.
func (h *hold) wait(ctx context.Context, dependency string, asked time.Time, err error) bool {
	h.mu.Lock()
	run, a := h.run, h.away[dependency]
	switch {
	case h.limit <= 0 || run == nil || run.Err() != nil:
		h.mu.Unlock()
		return false
	case a == nil && asked.Before(h.returned[dependency]): // it came back during the call
		h.mu.Unlock()
		return true
	case a == nil:
		a = h.begins(dependency, err)
	}
	h.mu.Unlock()
	select {
	case <-time.After(triesEvery):
	case <-a.over:
	case <-run.Done():
	case <-ctx.Done():
	}
	return run.Err() == nil && ctx.Err() == nil
}

// begins begins an absence. The caller holds the mutex.
func (h *hold) begins(dependency string, err error) *absence {
	end := h.end
	a := &absence{
		began: time.Now(), over: make(chan struct{}),
		limit: time.AfterFunc(h.limit, func() {
			end(fmt.Errorf("%w: %s was away for %s, which is the limit that --hold sets; "+
				"start another run when it is back: %w", errHeldTooLong, dependency, h.limit, err))
		}),
	}
	h.away[dependency] = a
	h.say(h.run, event.RunHeld, slog.String("reason", dependency), failure(err))
	return a
}

func (h *hold) isAway(dependency string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.away[dependency] != nil
}

type heldMode struct {
	billing.Biller
	*hold
}

func (m heldMode) Bill(ctx context.Context, inv billing.Invoice) (billing.Outcome, error) {
	ctx, done := m.during(ctx)
	defer done()
	return m.Biller.Bill(ctx, inv)
}

type heldLocker struct {
	billing.Locker
	*hold
}

func (l heldLocker) Obtain(ctx context.Context, key string) (billing.Lease, error) {
	lease, _, err := l.ObtainFenced(ctx, key, unfenced)
	return lease, err
}

func (l heldLocker) ObtainFenced(
	ctx context.Context, key string, floor billing.Token,
) (lease billing.Lease, token billing.Token, err error) {
	tries := 0
	err = l.persist(redisServer)(ctx, func(ctx context.Context) (err error) {
		tries++
		lease, token, err = obtain(ctx, l.Locker, key, floor)
		return err
	})
	if errors.Is(err, billing.ErrHeld) && tries > 1 {
		// Not skipped: nobody would bill the invoice if an earlier try's lost command holds the
		// lease.
		err = fmt.Errorf("%w: %s is held, perhaps by this server", billing.ErrUnavailable, key)
	}
	return lease, token, err
}

// send makes a call that takes money. If Stripe is away, send returns when it is back, and does not
// repeat the call: the mode must first ask again whether the invoice is charged.
func (h *hold) send(
	ctx context.Context, r billing.Request, call func(billing.Request) error,
) error {
	sent, start := false, r.Valid
	r.Valid = func() error {
		if !sent && h.isAway(stripeServer) { // another call has found out
			return billing.ErrUnavailable
		}
		sent = true
		if start == nil {
			return nil
		}
		return start()
	}
	asked := time.Now()
	err := call(r)
	if h.unavailable(ctx, stripeServer, err) && h.wait(ctx, stripeServer, asked, err) {
		_ = h.persist(stripeServer)(ctx, h.ping)
	}
	return err
}
