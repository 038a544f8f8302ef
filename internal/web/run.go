package web

import (
	"context"
	"errors"
	"path"
	"slices"
	"sync"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/reconcile"
)

// state is the stage of a run.
type state string

const (
	waiting state = "waiting" // for the runs before it
	setting state = "setting" // its servers are being started
	playing state = "playing"
	over    state = "over"
	failed  state = "failed"    // it could not be played
	gone    state = "forgotten" // its database and simulator are closed
)

// run is one cell, while it is played and afterwards.
type run struct {
	id       string
	mode     string
	fault    faults.Fault
	expected faults.Expectation
	servers  []string // in the order of their lanes

	using sync.Mutex // held while live is used, so that it is not closed meanwhile
	live  Live       // nil before the run has begun, and when it is no longer kept

	mu     sync.Mutex // guards the rest
	latest moment     // its events are in the order in which they came
}

// moment is the state of a run at one moment.
type moment struct {
	state   state
	events  []event.Event
	invoice *reconcile.Invoice // as read from both sides; nil before that
	done    []reconcile.Done
	changed chan struct{} // closed at the next change, and replaced
}

// idLength makes it unlikely that two runs ever have the same address.
const idLength = 8

func (r *run) address() string { return "/runs/" + r.mode + "/" + string(r.fault) + "/" + r.id }

// beside returns the path of two runs beside each other, of which the other is of the mode.
func beside(address, mode, other string) string {
	return address + "/beside/" + mode + "/" + path.Base(other)
}

// change changes the run's state, and wakes those who follow it.
func (r *run) change(f func(*moment)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.latest)
	close(r.latest.changed)
	r.latest.changed = make(chan struct{})
}

func (r *run) enter(s state) { r.change(func(m *moment) { m.state = s }) }

// tell adds an event. It leaves out how servers start and stop, which is no part of the story.
func (r *run) tell(e event.Event) {
	switch e.Kind {
	case event.ServerListening, event.ServerReady, event.ServerStopping, event.RunStarted,
		event.RunFinished:
		return
	}
	r.change(func(m *moment) { m.events = append(m.events, e) })
}

func (r *run) open(live Live) {
	r.using.Lock()
	defer r.using.Unlock()
	r.live = live
}

var errForgotten = errors.New("the run is no longer kept")

func (r *run) read(ctx context.Context) error {
	r.using.Lock()
	defer r.using.Unlock()
	return r.readLocked(ctx)
}

func (r *run) readLocked(ctx context.Context) error {
	if r.live == nil {
		return errForgotten
	}
	invoices, err := r.live.Invoices(ctx)
	if err == nil && len(invoices) > 0 {
		r.change(func(m *moment) { m.invoice = &invoices[0] })
	}
	return err
}

// refund has the reconciler correct what is wrong, if the run is over. A second call finds nothing
// to do.
func (r *run) refund(ctx context.Context) error {
	r.using.Lock()
	defer r.using.Unlock()
	if s := r.now().state; r.live == nil || s != over {
		return errForgotten
	}
	done, err := r.live.Reconcile(ctx)
	r.change(func(m *moment) { m.done = append(m.done, done...) })
	return errors.Join(err, r.readLocked(ctx))
}

// close closes what was played. The run is no longer kept.
func (r *run) close() error {
	r.using.Lock()
	defer r.using.Unlock()
	r.enter(gone)
	if r.live == nil {
		return nil
	}
	defer func() { r.live = nil }()
	return r.live.Close()
}

// ended reports whether nothing more will happen unless somebody asks for a refund.
func (m moment) ended() bool { return m.state == over || m.state == failed || m.state == gone }

// refundable reports whether the reconciler would do something.
func (m moment) refundable() bool {
	return m.state == over && m.invoice != nil && len(m.invoice.ToDo) > 0
}

// now returns a copy of the run's state, with the events in the order of time.
func (r *run) now() moment {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.latest
	m.events, m.done = slices.Clone(m.events), slices.Clone(m.done)
	slices.SortStableFunc(m.events, func(a, b event.Event) int { return a.Time.Compare(b.Time) })
	return m
}
