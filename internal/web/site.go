package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/timeline"
)

// Live is a run that is ready for midnight, such as a scenario.CellRun. Play is called once. The
// other methods may be called at the same time and afterwards, until Close.
type Live interface {
	Play(context.Context) error
	Invoices(context.Context) ([]reconcile.Invoice, error)
	Reconcile(context.Context) ([]reconcile.Done, error)
	Close() error
}

// Options configure a site.
type Options struct {
	// Begin starts what a cell needs. From then on it calls tell with each event, one at a time.
	// The Live is not used if there is an error.
	Begin func(
		ctx context.Context, mode string, f faults.Fault, tell func(event.Event),
	) (Live, error)
	// Mode is the only mode that can be played, without faults; "" allows all modes and faults.
	Mode       string
	Servers    []string     // in the order of their lanes
	Hosts      []string     // host:port pairs that requests may name
	Recordings []Recording  // may be nil
	Log        func(string) // called with each error, in a line; may be nil
	Keep       int          // finished runs to keep, each with its database and simulator
}

// Recording is a run that cannot be refunded, such as a counterexample that the explorer found.
type Recording struct {
	Name  string // unique; part of its address: lower-case letters, digits, dashes; "" for none
	Group string // the mode, under which it is listed
	timeline.Run
}

// Site keeps the runs and plays them. It is safe for concurrent use.
type Site struct {
	Options
	queue chan *run

	mu   sync.Mutex
	runs []*run // oldest first
}

// maxWaiting limits the runs that wait for others: at two seconds each, nobody would wait for more.
const maxWaiting = 8

// New returns a site. It plays no run until Play is called.
func New(o Options) *Site {
	if o.Log == nil {
		o.Log = func(string) {}
	}
	return &Site{Options: o, queue: make(chan *run, maxWaiting)}
}

// Play plays the requested runs, one after another, until ctx ends. Then it closes all runs.
func (s *Site) Play(ctx context.Context) error {
	for {
		select {
		case r := <-s.queue:
			if ctx.Err() == nil {
				s.play(ctx, r)
				_ = s.forget(s.Keep) // it logs its errors
			}
		case <-ctx.Done():
			return s.forget(0)
		}
	}
}

func (s *Site) play(ctx context.Context, r *run) {
	r.enter(setting)
	live, err := s.Begin(ctx, r.mode, r.fault, r.tell)
	if err == nil {
		r.open(live)
		err = r.read(ctx)
	}
	if err == nil {
		r.enter(playing)
		err = errors.Join(live.Play(ctx), r.read(ctx))
	}
	if err != nil && ctx.Err() == nil {
		s.Log(fmt.Sprintf("%s could not be played: %v", faults.Under(r.mode, r.fault), err))
	}
	if err != nil {
		r.enter(failed)
		return
	}
	r.enter(over)
}

var (
	errBusy   = errors.New("too many runs are waiting: try again in a moment")
	errNoCell = errors.New("there is no such mode, or no such fault")
)

// ask queues a run of each mode under the fault, or of none.
func (s *Site) ask(f faults.Fault, modes ...string) (asked []*run, err error) {
	for _, mode := range modes {
		expected, err := faults.Expected(mode, f, len(s.Servers))
		if err != nil || s.Mode != "" && (mode != s.Mode || f != faults.None) {
			return nil, errNoCell
		}
		if !expected.Applies {
			return nil, fmt.Errorf("the fault does not apply to %s: %s", mode, expected.Why)
		}
		asked = append(asked, &run{
			id: strings.ToLower(rand.Text()[:idLength]), mode: mode, fault: f, expected: expected,
			servers: s.Servers, latest: moment{state: waiting, changed: make(chan struct{})},
		})
	}
	s.mu.Lock() // nobody else adds to the queue
	defer s.mu.Unlock()
	if len(s.queue)+len(asked) > cap(s.queue) {
		return nil, errBusy
	}
	for _, r := range asked {
		s.queue <- r
	}
	s.runs = append(s.runs, asked...)
	return asked, nil
}

// find returns the run of an address, or nil if it is not kept.
func (s *Site) find(mode, fault, id string) *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.runs {
		if r.mode == mode && string(r.fault) == fault && r.id == id {
			return r
		}
	}
	return nil
}

// forget closes and forgets all but the latest keep of the runs that have ended.
func (s *Site) forget(keep int) error {
	s.mu.Lock()
	var over []*run
	for _, r := range s.runs {
		if r.now().ended() {
			over = append(over, r)
		}
	}
	over = over[:max(0, len(over)-keep)]
	s.runs = slices.DeleteFunc(s.runs, func(r *run) bool { return slices.Contains(over, r) })
	s.mu.Unlock()
	var errs []error
	for _, r := range over {
		if err := r.close(); err != nil {
			s.Log(fmt.Sprintf("forget %s: %v", faults.Under(r.mode, r.fault), err))
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
