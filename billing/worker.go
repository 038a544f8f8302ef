package billing

import (
	"context"
	"errors"
	"sync"
)

// Worker makes due runs. All fields must be set.
type Worker struct {
	Server      string // this server's name; it decides where in the list a run begins
	Invoices    Invoices
	Mode        Biller
	Concurrency int                           // how many invoices are handled at a time
	Report      func(Invoice, Outcome, error) // told of each invoice, from several goroutines
}

// Summary counts what a due run did. Failed holds the unknown outcomes, too: they need a look.
type Summary struct {
	Billed, AlreadyBilled, Skipped, Declined, Failed int
}

// DueRun makes one pass over the invoices due for the period. An invoice that fails doesn't end
// the run. When ctx ends, DueRun starts no further invoice, waits for those in flight and returns
// ctx's error; likewise when the list can't be read.
func (w Worker) DueRun(ctx context.Context, p Period) (Summary, error) {
	var (
		t        = tally{report: w.Report}
		slots    = make(chan struct{}, w.Concurrency)
		inflight sync.WaitGroup
	)
	err := w.walk(ctx, p, func(inv Invoice) error {
		slots <- struct{}{}
		if err := ctx.Err(); err != nil {
			return err
		}
		inflight.Go(func() {
			defer func() { <-slots }()
			// An invoice once begun is finished, also when the server is asked to stop: a charge
			// that nobody waits for is a charge that nobody records.
			outcome, err := w.Mode.Bill(context.WithoutCancel(ctx), inv)
			t.count(inv, outcome, err)
		})
		return nil
	})
	inflight.Wait()
	return t.summary, err
}

// walk calls do for each invoice that is due, until do returns an error. Each server begins at
// another place in the list and walks it round, so that servers that fire together don't meet at
// every invoice.
func (w Worker) walk(ctx context.Context, p Period, do func(Invoice) error) error {
	// Multiplied by the golden ratio, numbers or letters in a row are spread evenly (Knuth, The Art
	// of Computer Programming, 6.4); so are server-a, server-b and server-c.
	var spread uint32
	for _, c := range []byte(w.Server) {
		spread = (spread + uint32(c)) * 2654435769
	}
	share := float64(spread) / (1 << 32)
	begin, err := w.Invoices.Seek(ctx, share)
	if err != nil {
		return err
	}
	if err := w.leg(ctx, p, begin, "", do); err != nil || begin == "" {
		return err
	}
	return w.leg(ctx, p, "", begin, do)
}

// pageSize is how many invoices are listed at a time: enough that listing costs nothing beside
// charging, few enough that memory stays flat.
const pageSize = 500

// leg calls do for each invoice behind the ID after, up to and with the ID last ("" for the end).
func (w Worker) leg(
	ctx context.Context, p Period, after, last string, do func(Invoice) error,
) error {
	for {
		page, err := w.Invoices.Due(ctx, p, after, pageSize)
		if err != nil {
			return err
		}
		for _, inv := range page {
			// Compared by order: last itself may be gone from the list by now.
			if last != "" && inv.Subscription.ID > last {
				return nil
			}
			if err := do(inv); err != nil {
				return err
			}
			after = inv.Subscription.ID
		}
		if len(page) < pageSize {
			return nil
		}
	}
}

// tally adds up what the goroutines of a run report.
type tally struct {
	report  func(Invoice, Outcome, error)
	mu      sync.Mutex
	summary Summary
}

func (t *tally) count(inv Invoice, outcome Outcome, err error) {
	t.report(inv, outcome, err)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch s := &t.summary; {
	case errors.Is(err, ErrDeclined):
		s.Declined++
	case err != nil:
		s.Failed++
	case outcome == Billed:
		s.Billed++
	case outcome == AlreadyBilled:
		s.AlreadyBilled++
	default:
		s.Skipped++
	}
}
