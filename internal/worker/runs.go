package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/ledger"
)

var (
	errBusy     = errors.New("a due run is in progress") // a server makes one at a time
	errStopping = errors.New("this server is stopping")
)

// runs makes this server's due runs, one at a time, and keeps the results of the last ones.
type runs struct {
	*hold
	worker  billing.Worker
	record  dueRuns
	zone    *time.Location
	lease   time.Duration // of a lock that this server may have left behind; 0: there is none
	catchUp int           // how many earlier periods a run looks through, too

	passed atomic.Int64 // charged invoices that the list has left out of the current run

	mu      sync.Mutex
	again   invoiceList // of the current run, to be billed once more
	last    int
	kept    map[int]*run
	on      bool
	stopped bool
}

// runsKept is how many finished runs can still be asked for; whoever triggers one asks in seconds.
const runsKept = 100

// run is one due run; summary and err are set when done is closed.
type run struct {
	id      int
	due     time.Time
	period  billing.Period
	done    chan struct{}
	summary billing.Summary
	err     error
}

func newRuns(w billing.Worker, h *hold) *runs {
	r := &runs{worker: w, hold: h, kept: map[int]*run{}}
	r.worker.Report = r.report
	return r
}

// passOver counts charged invoices that the list has left out.
func (r *runs) passOver(n int) { r.passed.Add(int64(n)) }

// start begins the due run of a due time and returns at once: errBusy while another is in progress,
// errStopping after ctx has ended. When ctx ends later, the run starts no further invoice.
func (r *runs) start(ctx context.Context, due time.Time) (*run, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped || ctx.Err() != nil {
		return nil, errStopping
	}
	if r.on {
		return nil, errBusy
	}
	r.on = true
	r.last++
	one := &run{
		id: r.last, due: due, period: billing.PeriodOf(due.In(r.zone)), done: make(chan struct{}),
	}
	r.kept[one.id] = one
	delete(r.kept, one.id-runsKept)
	go r.make(ctx, one)
	return one, nil
}

func (r *runs) make(ctx context.Context, one *run) {
	began := time.Now()
	period := slog.String("period", one.period.String())
	r.events.say(ctx, event.RunStarted, period)
	r.passed.Store(0)
	ctx, end := r.hold.begin(ctx)
	one.summary, one.err = r.bill(ctx, one)
	cause := context.Cause(ctx)
	end()
	if errors.Is(cause, errHeldTooLong) && (one.err != nil || one.summary.Failed > 0) {
		one.err = cause
	} else if errors.Is(cause, ledger.ErrForgot) {
		one.err = cause
	}
	one.summary.AlreadyBilled += int(r.passed.Load())
	attrs := append([]slog.Attr{period}, counts(one.summary)...)
	if one.err != nil {
		attrs = append(attrs, failure(one.err))
	}
	r.events.took(ctx, event.RunFinished, began, attrs...)

	r.mu.Lock()
	r.on = false
	r.mu.Unlock()
	close(one.done)
}

// bill bills the run's period, then the arrears of earlier ones, and returns the sum of both.
func (r *runs) bill(ctx context.Context, one *run) (billing.Summary, error) {
	arrears, err := r.record.BeginRun(ctx, one.period, r.earlier(one.due))
	if err != nil {
		return billing.Summary{}, err
	}
	sum, err := r.passes(ctx, r.worker, one.period)
	if err == nil && sum.Failed+sum.Skipped == 0 {
		// If this fails, a server that is restarted makes one run too many.
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishLimit)
		_ = r.record.FinishRun(limited, one.period, one.due)
		cancel()
	}
	for _, earlier := range arrears {
		if err != nil {
			break
		}
		w := r.worker
		w.Invoices = earlier.Invoices
		var more billing.Summary
		more, err = r.passes(ctx, w, earlier.Period)
		sum.Add(more)
	}
	return sum, err
}

// finishLimit bounds what a run waits for that is of use only to a restarted server.
const finishLimit = time.Second

// earlier returns the periods before a due time that a run looks through, the latest first.
func (r *runs) earlier(due time.Time) (months []ledger.Month) {
	y, m, _ := due.In(r.zone).Date()
	for range r.catchUp {
		m--
		begin := time.Date(y, m, 1, 0, 0, 0, 0, r.zone)
		month := ledger.Month{Period: billing.PeriodOf(time.Date(y, m, 1, 0, 0, 0, 0, time.UTC))}
		if month.Period.Validate() != nil {
			break
		}
		if !begin.After(time.Now()) {
			month.Begin = &begin
		}
		months = append(months, month)
	}
	return months
}

// over returns a channel that is closed when no run is in progress.
func (r *runs) over() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.on {
		return r.kept[r.last].done
	}
	closed := make(chan struct{})
	close(closed)
	return closed
}

// find returns the run with that ID, or nil.
func (r *runs) find(id int) *run {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.kept[id]
}

// stop prevents further runs and returns when none is in progress.
func (r *runs) stop() {
	r.mu.Lock()
	r.stopped = true
	one := r.kept[r.last]
	r.mu.Unlock()
	if one != nil {
		<-one.done
	}
}

func (r *runs) report(inv billing.Invoice, outcome billing.Outcome, err error) {
	if uncharged(err) {
		r.note(inv)
	}
	r.log(inv, outcome, err)
}

// log logs the outcome of an invoice, unless one of the ports has logged it.
func (r *runs) log(inv billing.Invoice, outcome billing.Outcome, err error) {
	ctx := withInvoice(context.Background(), inv)
	switch {
	case err != nil:
		r.events.say(ctx, event.InvoiceFailed, failure(err))
	case outcome != billing.Billed:
		r.events.say(ctx, event.InvoiceSkipped, slog.String("reason", string(outcome)))
	}
}

func counts(s billing.Summary) []slog.Attr {
	return []slog.Attr{
		slog.Int("billed", s.Billed), slog.Int("already_billed", s.AlreadyBilled),
		slog.Int("skipped", s.Skipped), slog.Int("declined", s.Declined),
		slog.Int("failed", s.Failed),
	}
}
