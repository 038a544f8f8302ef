package server

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"example.com/triplecharge/billing"
)

var (
	// errBusy: a due run is on, and one server makes one at a time.
	errBusy = errors.New("a due run is on")
	// errStopping: the server was asked to stop.
	errStopping = errors.New("this server is stopping")
)

// runs makes this server's due runs, one at a time, and remembers how the last ones went.
type runs struct {
	worker billing.Worker
	events *events
	passed atomic.Int64 // charged invoices that the list has left out, in the run that is on

	mu      sync.Mutex
	last    int
	kept    map[int]*run
	on      bool
	stopped bool
}

// runsKept is how many finished runs can still be asked for: a trigger asks within seconds.
const runsKept = 100

// run is one due run; summary and err may be read once done is closed.
type run struct {
	id      int
	period  billing.Period
	done    chan struct{}
	summary billing.Summary
	err     error
}

func newRuns(w billing.Worker, e *events) *runs {
	r := &runs{worker: w, events: e, kept: map[int]*run{}}
	r.worker.Report = r.report
	return r
}

// passOver is told of charged invoices that the list has left out.
func (r *runs) passOver(n int) { r.passed.Add(int64(n)) }

// start begins a due run for the period and returns at once; errBusy if one is on, errStopping once
// ctx has ended. When ctx ends later, the run starts no further invoice.
func (r *runs) start(ctx context.Context, p billing.Period) (*run, error) {
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
	one := &run{id: r.last, period: p, done: make(chan struct{})}
	r.kept[one.id] = one
	delete(r.kept, one.id-runsKept)
	go r.make(ctx, one)
	return one, nil
}

func (r *runs) make(ctx context.Context, one *run) {
	began := time.Now()
	period := slog.String("period", one.period.String())
	r.events.say(ctx, "run.started", period)
	r.passed.Store(0)
	one.summary, one.err = r.worker.DueRun(ctx, one.period)
	one.summary.AlreadyBilled += int(r.passed.Load())
	attrs := append([]slog.Attr{period}, counts(one.summary)...)
	if one.err != nil {
		attrs = append(attrs, failure(one.err))
	}
	r.events.took(ctx, "run.finished", began, attrs...)

	r.mu.Lock()
	r.on = false
	r.mu.Unlock()
	close(one.done)
}

// find returns the run with that number, or nil.
func (r *runs) find(id int) *run {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.kept[id]
}

// stop lets no further run begin and returns when none is on.
func (r *runs) stop() {
	r.mu.Lock()
	r.stopped = true
	one := r.kept[r.last]
	r.mu.Unlock()
	if one != nil {
		<-one.done
	}
}

// report says how an invoice was left, where none of the ports has said so already.
func (r *runs) report(inv billing.Invoice, outcome billing.Outcome, err error) {
	ctx := withInvoice(context.Background(), inv)
	switch {
	case err != nil:
		r.events.say(ctx, "invoice.failed", failure(err))
	case outcome != billing.Billed:
		r.events.say(ctx, "invoice.skipped", slog.String("reason", string(outcome)))
	}
}

func counts(s billing.Summary) []slog.Attr {
	return []slog.Attr{
		slog.Int("billed", s.Billed), slog.Int("already_billed", s.AlreadyBilled),
		slog.Int("skipped", s.Skipped), slog.Int("declined", s.Declined),
		slog.Int("failed", s.Failed),
	}
}
