package billing

import (
	"context"
	"errors"
	"sync"
)

// Worker makes due runs. All fields but Begin must be set. It keeps no state between runs.
type Worker struct {
	Server      string // this server's name; it decides where in the list its runs begin
	Invoices    Invoices
	Mode        Biller
	Concurrency int                           // how many invoices to handle at a time; at least 1
	Report      func(Invoice, Outcome, error) // called after each invoice, from many goroutines
	// Begin, if not nil, returns when one more invoice may be begun, and the end of that is called
	// after it. Its error, such as ctx's, ends the run.
	Begin func(ctx context.Context) (end func(), err error)
}

// Summary counts a due run's invoices by how they ended. Failed includes the unknown outcomes: a
// person should look at them.
type Summary struct {
	Billed, AlreadyBilled, Skipped, Declined, Failed int
}

// Add adds another run's counts.
func (s *Summary) Add(t Summary) {
	s.Billed += t.Billed
	s.AlreadyBilled += t.AlreadyBilled
	s.Skipped += t.Skipped
	s.Declined += t.Declined
	s.Failed += t.Failed
}

// DueRun makes one pass over the invoices due for the period, and returns when each has ended. An
// invoice that fails doesn't end the run. If ctx ends or the list can't be read, DueRun starts no
// further invoice, waits for those in flight and returns the error with what it counted.
func (w Worker) DueRun(ctx context.Context, p Period) (Summary, error) {
	var (
		t        = tally{report: w.Report}
		slots    = make(chan struct{}, w.Concurrency)
		inflight sync.WaitGroup
	)
	if err := p.Validate(); err != nil {
		return Summary{}, err
	}
	err := w.eachDue(ctx, p, func(inv Invoice) error {
		slots <- struct{}{}
		if err := ctx.Err(); err != nil {
			return err
		}
		end := func() {}
		if w.Begin != nil {
			var err error
			if end, err = w.Begin(ctx); err != nil {
				return err
			}
		}
		inflight.Go(func() {
			defer func() { end(); <-slots }()
			// Finish what has begun even if the server is asked to stop: a charge that nobody
			// waits for is a charge that nobody records.
			outcome, err := w.Mode.Bill(context.WithoutCancel(ctx), inv)
			t.count(inv, outcome, err)
		})
		return nil
	})
	inflight.Wait()
	return t.summary, err
}

// eachDue calls do for each invoice that is due, until do returns an error. Each server begins at a
// different place in the list, goes to its end and continues at its beginning. So servers that fire
// together don't meet at every invoice.
func (w Worker) eachDue(ctx context.Context, p Period, do func(Invoice) error) error {
	// Multiplying by the golden ratio spreads consecutive numbers or letters evenly (Knuth, The Art
	// of Computer Programming, 6.4), server-a, server-b and server-c among them.
	var spread uint32
	for _, c := range []byte(w.Server) {
		spread = (spread + uint32(c)) * 2654435769
	}
	share := float64(spread) / (1 << 32)
	begin, err := w.Invoices.Seek(ctx, share)
	if err != nil {
		return err
	}
	if err := w.eachAfter(ctx, p, begin, "", do); err != nil || begin == "" {
		return err
	}
	return w.eachAfter(ctx, p, "", begin, do)
}

// pageSize is how many invoices one query lists: enough that listing costs nothing beside charging,
// few enough that memory stays flat.
const pageSize = 500

// eachAfter calls do for each invoice after the ID after, up to and including the ID last; "" means
// the beginning and the end of the list.
func (w Worker) eachAfter(
	ctx context.Context, p Period, after, last string, do func(Invoice) error,
) error {
	for {
		page, err := w.Invoices.Due(ctx, p, after, pageSize)
		if err != nil {
			return err
		}
		for _, inv := range page {
			// Compare by order, since last itself may have left the list.
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

// tally reports and counts the outcomes from a run's goroutines.
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
