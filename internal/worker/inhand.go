package worker

import (
	"context"
	"sync"
	"time"
)

// inHand decides how many invoices are begun. Beside those that are charged, others wait for the
// lock, for the ledger and for their turn at Stripe: as many as Stripe takes in a moment. So it
// always has something to do, and no lease or claim is held for much longer than that before its
// request is sent, unless Stripe becomes slower meanwhile. It begins many at once, and then none
// for a while, so that they share pipelines and statements.
type inHand struct {
	flight int                     // requests in flight at Stripe, at most
	moment time.Duration           // how long an invoice may wait
	takes  func(time.Duration) int // how many requests Stripe takes in that time

	mu    sync.Mutex
	begun int
	most  int           // to which begun may grow now
	fewer chan struct{} // has an element if begun has become small
}

const (
	// longestMoment fills Stripe's slots again and again while the slowest statement is made. A
	// server whose leases or claims are short has momentPart of their TTL.
	longestMoment = 500 * time.Millisecond
	momentPart    = 10
	// waitingAtMost is enough for batches of a hundred at each step, and bounds the memory.
	waitingAtMost = 192
)

func (c Config) inHand(takes func(time.Duration) int) *inHand {
	return &inHand{
		flight: c.Concurrency,
		moment: min(longestMoment, c.LockTTL/momentPart, c.ClaimTTL/momentPart),
		takes:  takes, fewer: make(chan struct{}, 1),
	}
}

// begin implements billing.Worker.Begin.
func (h *inHand) begin(ctx context.Context) (end func(), err error) {
	for !h.mayBegin() {
		select {
		case <-h.fewer:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return h.end, nil
}

func (h *inHand) mayBegin() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if waiting := h.waiting(); h.few(waiting) {
		h.most = h.flight + waiting
	}
	if h.begun >= h.most {
		h.most = 0
		return false
	}
	h.begun++
	return true
}

func (h *inHand) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.begun--; h.few(h.waiting()) {
		select {
		case h.fewer <- struct{}{}:
		default:
		}
	}
}

// waiting returns how many invoices may wait. Before Stripe's first answer, that is one.
func (h *inHand) waiting() int { return max(1, min(h.takes(h.moment), waitingAtMost)) }

// few reports whether so few invoices are left that it is time to begin more.
func (h *inHand) few(waiting int) bool { return h.begun <= h.flight+waiting/2 }
