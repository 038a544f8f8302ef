package web

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/internal/verdicts"
)

// Live is a run at the moment before midnight, such as a scenario.Live. Play is called once; the
// other methods also meanwhile and afterwards, until Close.
type Live interface {
	Play(context.Context) error
	Invoices(context.Context) ([]scenario.Invoice, error)
	Reconcile(context.Context) ([]reconcile.Done, error)
	Close() error
}

// Options are what a site is made of.
type Options struct {
	// Begin brings a cell to the moment before midnight, and tells of each event in it from then
	// on, one at a time.
	Begin func(
		ctx context.Context, mode string, f verdicts.Fault, tell func(timeline.Event),
	) (Live, error)
	// Mode is the only one that can be played, and without a fault; "" for any, with any.
	Mode       string
	Servers    []string     // in the order of their lanes
	Hosts      []string     // with their ports: the names by which the site may be asked for
	Recordings []Recording  // what else can be watched; may be nil
	Log        func(string) // told in a line what went wrong, which is not for the page; may be nil
	Keep       int          // how many runs that are over are kept with their books
}

// Recording is a run that is over and has no books any more, such as a counterexample that the
// explorer found.
type Recording struct {
	Name    string // in its address: unique, of lower-case letters, digits and dashes
	Group   string // under which it is listed, with those beside it
	Title   string
	About   string   // in a sentence
	Verdict string   // what it came to
	Servers []string // in the order of their lanes
	Invoice string   // <subscription>/<period>
	Events  []timeline.Event
}

// Site keeps the runs and plays them. It is safe for concurrent use.
type Site struct {
	Options
	queue chan *run

	mu   sync.Mutex
	runs []*run // oldest first
}

// maxWaiting is how many runs may wait for those before them: at two seconds each, it is as long as
// anybody would wait.
const maxWaiting = 8

// New returns a site, which plays nothing before Play.
func New(o Options) *Site {
	if o.Log == nil {
		o.Log = func(string) {}
	}
	return &Site{Options: o, queue: make(chan *run, maxWaiting)}
}

// Play plays the runs that are asked for, one after another, until ctx ends, and closes them all.
func (s *Site) Play(ctx context.Context) error {
	for {
		select {
		case r := <-s.queue:
			if ctx.Err() == nil {
				s.play(ctx, r)
				_ = s.forget(s.Keep) // which has logged what went wrong
			}
		case <-ctx.Done():
			return s.forget(0)
		}
	}
}

// play plays one.
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
		s.Log(fmt.Sprintf("%s under %s could not be played: %v", r.mode, r.fault, err))
	}
	if err != nil {
		r.enter(failed)
		return
	}
	r.enter(over)
}

var (
	errBusy    = errors.New("too many runs are waiting: try again in a moment")
	errNoCell  = errors.New("there is no such mode, or no such fault")
	errNotMeet = errors.New("the fault can't meet the mode")
)

// ask has a cell played when its turn comes.
func (s *Site) ask(mode string, f verdicts.Fault) (*run, error) {
	expected, ok := verdicts.Expected(mode, f, len(s.Servers))
	if !ok || s.Mode != "" && (mode != s.Mode || f != verdicts.None) {
		return nil, errNoCell
	}
	if !expected.Applies {
		return nil, fmt.Errorf("%w: %s", errNotMeet, expected.Why)
	}
	r := newRun(mode, f, expected, s.Servers)
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.queue <- r:
	default:
		return nil, errBusy
	}
	s.runs = append(s.runs, r)
	return r, nil
}

// find returns the run of an address, nil if it is not kept (any more).
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

// latest returns the runs, the latest first.
func (s *Site) latest() []*run {
	s.mu.Lock()
	defer s.mu.Unlock()
	runs := slices.Clone(s.runs)
	slices.Reverse(runs)
	return runs
}

// forget closes and forgets the oldest runs of those that are over, but for so many.
func (s *Site) forget(keep int) error {
	s.mu.Lock()
	var over []*run
	for _, r := range s.runs {
		if r.ended() {
			over = append(over, r)
		}
	}
	over = over[:max(0, len(over)-keep)]
	s.runs = slices.DeleteFunc(s.runs, func(r *run) bool { return slices.Contains(over, r) })
	s.mu.Unlock()
	var errs []error
	for _, r := range over {
		if err := r.close(); err != nil {
			s.Log(fmt.Sprintf("forget %s under %s: %v", r.mode, r.fault, err))
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
