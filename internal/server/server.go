package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/prometheus/client_golang/prometheus"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/ledger"
)

// Main is the worker's main function without its exit: it returns the exit status. 2 means that
// the command line can't be used, 1 that something failed.
func Main(args []string, stdout, stderr io.Writer) int {
	return MainWith(args, stdout, stderr, unchanged)
}

// Change puts something else in a mode's place, given what the server was given: a mode without
// one of its guards, to see what that was worth, or somebody else's lock.
type Change func(Config, billing.Mode) billing.Mode

// MainWith is Main with the mode changed.
func MainWith(args []string, stdout, stderr io.Writer, change Change) int {
	var c Config
	parser, err := newParser(&c, stdout, stderr)
	if err == nil {
		_, err = parser.Parse(args)
	}
	if err != nil {
		fmt.Fprintf(stderr, "worker: %v\nRun worker --help for the flags.\n", err)
		return 2
	}
	// The first signal drains; with the handler gone, a second one ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	secrets := Secrets{StripeKey: os.Getenv("STRIPE_SECRET_KEY"), Token: os.Getenv("WORKER_TOKEN")}
	err = runWith(ctx, c, secrets, stdout, change)
	if err != nil {
		fmt.Fprintf(stderr, "worker: %v\n", err)
	}
	switch {
	case errors.Is(err, errUsage):
		return 2
	case err != nil:
		return 1
	}
	return 0
}

// newParser returns what fills the Config, from the command line and the environment.
func newParser(c *Config, stdout, stderr io.Writer) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("worker"),
		kong.Description("One billing server: charges each invoice of a billing period that is due.\n\n"+
			"Modes:\n"+modes()),
		kong.Writers(stdout, stderr),
		kong.DefaultEnvars("WORKER"),
		kong.Vars{"modes": modeNames(), "stripe_timeout": stripecharge.DefaultTimeout.String(),
			"concurrency": strconv.Itoa(DefaultConcurrency), "test_mode_rps": strconv.Itoa(testModeRPS)},
		kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 100}),
	)
}

func modes() string {
	var b strings.Builder
	for _, m := range billing.Modes() {
		fmt.Fprintf(&b, "  %-14s %s\n", m.Name, m.Promise)
	}
	return b.String()
}

func modeNames() string {
	var names []string
	for _, m := range billing.Modes() {
		names = append(names, m.Name)
	}
	return strings.Join(names, ", ")
}

// Run is one server's life. It writes its events to out and returns when its one due run is over,
// or, with a schedule or an address to listen on, when ctx ends: then it finishes the invoices in
// flight and starts no others. That ctx ended is no error.
func Run(ctx context.Context, c Config, s Secrets, out io.Writer) error {
	return runWith(ctx, c, s, out, unchanged)
}

func unchanged(_ Config, m billing.Mode) billing.Mode { return m }

func runWith(ctx context.Context, c Config, s Secrets, out io.Writer, change Change) error {
	p, err := c.check(s, time.Now())
	if err != nil {
		return fmt.Errorf("%w%w", errUsage, err)
	}
	p.mode = change(c, p.mode)
	registry := prometheus.NewRegistry()
	events := newEvents(out, c, registry)

	// Stripe and Redis are called when they are needed, so what can go wrong here is what was given.
	stripe := c.stripe(s)
	charger, err := stripecharge.New(stripe)
	if err != nil {
		return fmt.Errorf("%w--stripe-url: %w", errUsage, err)
	}
	defer charger.Close()
	locker, closeLocker, err := c.locker(p.mode.Lock, events)
	if err != nil {
		return fmt.Errorf("%w%w", errUsage, err)
	}
	defer closeLocker()
	store, err := ledger.Open(ctx, c.DatabaseURL, ledger.Options{Recorder: c.Name})
	if ctx.Err() != nil {
		err = nil // it was asked to stop before it began
	}
	if store == nil {
		return err
	}
	defer store.Close()

	runs := newRuns(billing.Worker{
		Server:      c.Name,
		Invoices:    store,
		Mode:        observedMode{p.mode.New(c.ports(locker, store, charger, events))},
		Concurrency: c.atOnce(stripe),
	}, events)
	if p.mode.Asks {
		runs.worker.Invoices = store.Uncharged(runs.passOver)
	}
	if c.Listen == "" && p.schedule == nil {
		return once(ctx, runs, periodOf(p.at, p.zone))
	}
	return c.serve(ctx, api{runs: runs, token: s.Token, at: p.at, zone: p.zone, metrics: registry}, p)
}

// once makes one due run. To be stopped in the middle is no failure.
func once(ctx context.Context, runs *runs, p billing.Period) error {
	one, err := runs.start(ctx, p)
	if errors.Is(err, errStopping) {
		return nil
	} else if err != nil {
		return err
	}
	<-one.done
	switch {
	case one.summary.Failed > 0:
		return fmt.Errorf("%d invoices failed, or their outcome is unknown: the events say which",
			one.summary.Failed)
	case ctx.Err() != nil:
		return nil
	}
	return one.err
}

// serve triggers due runs by the timetable and by requests until ctx ends.
func (c Config) serve(ctx context.Context, a api, p plan) error {
	ctx, cancel := context.WithCancel(ctx)
	a.ctx = ctx
	failed := make(chan error, 1)
	if c.Listen != "" {
		closeListener, err := c.listen(a, failed)
		if err != nil {
			cancel()
			return err
		}
		defer closeListener()
	}
	// Whoever waits for a run is answered before the listener closes.
	defer a.runs.stop()
	defer cancel()
	var due time.Time
	for {
		var fire <-chan time.Time
		if p.schedule != nil {
			due = p.due(due, time.Now())
			fire = time.After(time.Until(due))
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return fmt.Errorf("serve %s: %w", c.Listen, err)
		case <-fire:
			// The time that was scheduled names the billing period, not the moment it fired.
			if _, err := a.runs.start(ctx, periodOf(due, p.zone)); err != nil {
				a.runs.events.say(ctx, "run.skipped", failure(err))
			}
		}
	}
}

// answerLimit is how long answers under way may take when the server stops: the runs they tell of
// are over by then.
const answerLimit = 2 * time.Second

// listen serves the API and returns what ends that, once all requests that have come are answered.
// An error of the listener's comes through failed.
func (c Config) listen(a api, failed chan<- error) (closeListener func(), err error) {
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("--listen: %w: choose another address; port 0 takes any free one", err)
	}
	a.runs.events.say(a.ctx, "server.listening",
		slog.String("address", listener.Addr().String()))
	server := &http.Server{Handler: a.handler(), ReadHeaderTimeout: 5 * time.Second}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			failed <- err
		}
	})
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
		defer cancel()
		_ = server.Shutdown(ctx) // it ends with the limit, too
		_ = server.Close()
		serving.Wait()
	}, nil
}
