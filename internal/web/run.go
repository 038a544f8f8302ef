package web

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"sync"

	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/internal/verdicts"
)

// state is how far a run has come.
type state string

const (
	waiting state = "waiting" // for the runs before it
	setting state = "setting" // its stage is being set
	playing state = "playing"
	over    state = "over"
	failed  state = "failed"    // it could not be played
	gone    state = "forgotten" // its books are closed
)

// run is one cell, as it is played and afterwards.
type run struct {
	id       string
	mode     string
	fault    verdicts.Fault
	expected verdicts.Verdict
	servers  []string // in the order of their lanes

	working sync.Mutex // held by who works on the books: they must not be closed meanwhile
	live    Live       // nil before it has begun, and after it was forgotten

	mu      sync.Mutex // guards the rest
	state   state
	events  []timeline.Event
	invoice *scenario.Invoice // as both sides have it; nil before they were read
	done    []reconcile.Done
	changed chan struct{} // closed at the next change, and replaced
}

// idLength is enough for as many runs as anybody will keep the address of.
const idLength = 8

func newRun(
	mode string, f verdicts.Fault, expected verdicts.Verdict, servers []string,
) *run {
	return &run{
		id: strings.ToLower(rand.Text()[:idLength]), mode: mode, fault: f, expected: expected,
		servers: servers, state: waiting, changed: make(chan struct{}),
	}
}

// address is the run's, on the site.
func (r *run) address() string { return "/runs/" + r.mode + "/" + string(r.fault) + "/" + r.id }

// change changes what the lock guards, and tells who watches.
func (r *run) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *run) enter(s state) { r.change(func() { r.state = s }) }

// tell takes in an event. That a server listens is no part of the story.
func (r *run) tell(e timeline.Event) {
	if e.Name != "server.listening" {
		r.change(func() { r.events = append(r.events, e) })
	}
}

// open takes on the books.
func (r *run) open(live Live) {
	r.working.Lock()
	defer r.working.Unlock()
	r.live = live
}

var errForgotten = errors.New("the run is not kept any longer")

// read reads both sides.
func (r *run) read(ctx context.Context) error {
	r.working.Lock()
	defer r.working.Unlock()
	return r.readBooks(ctx)
}

func (r *run) readBooks(ctx context.Context) error {
	if r.live == nil {
		return errForgotten
	}
	invoices, err := r.live.Invoices(ctx)
	if err == nil && len(invoices) > 0 {
		r.change(func() { r.invoice = &invoices[0] })
	}
	return err
}

// refund puts right what is wrong in the books, if the run is over. A second time there is nothing
// to do.
func (r *run) refund(ctx context.Context) error {
	r.working.Lock()
	defer r.working.Unlock()
	if s := r.now().state; r.live == nil || s != over {
		return errForgotten
	}
	done, err := r.live.Reconcile(ctx)
	r.change(func() { r.done = append(r.done, done...) })
	return errors.Join(err, r.readBooks(ctx))
}

// ended reports whether nothing more will happen by itself.
func (r *run) ended() bool {
	s := r.now().state
	return s == over || s == failed
}

// close closes the books.
func (r *run) close() error {
	r.working.Lock()
	defer r.working.Unlock()
	r.enter(gone)
	if r.live == nil {
		return nil
	}
	defer func() { r.live = nil }()
	return r.live.Close()
}

// moment is a run as it is now.
type moment struct {
	state   state
	events  []timeline.Event // in the order of time
	invoice *scenario.Invoice
	done    []reconcile.Done
	changed <-chan struct{} // closed when it is no longer so
}

// now returns the run as it is.
func (r *run) now() moment {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := moment{r.state, slices.Clone(r.events), r.invoice, slices.Clone(r.done), r.changed}
	slices.SortStableFunc(m.events, func(a, b timeline.Event) int {
		return a.Time.Compare(b.Time)
	})
	return m
}
