package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
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
	var c Config
	parser, err := kong.New(&c,
		kong.Name("worker"),
		kong.Description("One billing server: charges each invoice of a billing period that is due.\n\n"+
			"Modes:\n"+modes()),
		kong.Writers(stdout, stderr),
		kong.DefaultEnvars("WORKER"),
		kong.Vars{"modes": modeNames(), "stripe_timeout": stripecharge.DefaultTimeout.String()},
		kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 100}),
	)
	if err == nil {
		_, err = parser.Parse(args)
	}
	if err != nil {
		fmt.Fprintf(stderr, "worker: %v\nRun worker --help for the flags.\n", err)
		return 2
	}
	// The first signal drains; with the handler gone, a second one ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	secrets := Secrets{StripeKey: os.Getenv("STRIPE_SECRET_KEY"), Token: os.Getenv("WORKER_TOKEN")}
	if err := Run(ctx, c, secrets, stdout); err != nil {
		fmt.Fprintf(stderr, "worker: %v\n", err)
		return 1
	}
	return 0
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
// flight and starts no others.
func Run(ctx context.Context, c Config, s Secrets, out io.Writer) error {
	p, err := c.check(s, time.Now())
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	events := newEvents(out, c.LogFormat, c.Name, c.Mode, registry)

	store, err := ledger.Open(ctx, c.DatabaseURL, ledger.Options{Recorder: c.Name})
	if err != nil {
		return err
	}
	defer store.Close()
	charger, err := stripecharge.New(c.stripe(s))
	if err != nil {
		return err
	}
	ports, closePorts, err := c.ports(p.mode.Lock, store, charger, events)
	if err != nil {
		return err
	}
	defer closePorts()

	runs := newRuns(billing.Worker{
		Server:      c.Name,
		Invoices:    store,
		Mode:        observedMode{p.mode.New(ports)},
		Concurrency: c.Concurrency,
	}, events)
	if c.Listen == "" && p.schedule == nil {
		return once(ctx, runs, billing.PeriodOf(p.at.In(p.zone)))
	}
	return c.serve(ctx, api{
		ctx: ctx, runs: runs, token: s.Token, at: p.at, zone: p.zone, metrics: registry,
	}, p)
}

// once makes one due run. To be stopped in the middle is no failure.
func once(ctx context.Context, runs *runs, p billing.Period) error {
	one, err := runs.start(ctx, p)
	if err != nil {
		return err
	}
	<-one.done
	switch {
	case one.err != nil && !errors.Is(one.err, context.Canceled):
		return one.err
	case one.summary.Failed > 0:
		return fmt.Errorf("%d invoices failed, or their outcome is unknown: the events say which",
			one.summary.Failed)
	}
	return nil
}

// serve triggers due runs by the timetable and by requests until ctx ends.
func (c Config) serve(ctx context.Context, a api, p plan) error {
	failed := make(chan error, 1)
	if c.Listen != "" {
		listener, err := net.Listen("tcp", c.Listen)
		if err != nil {
			return fmt.Errorf("--listen: %w: choose another address; port 0 takes any free one", err)
		}
		a.runs.events.log.Info("server.listening", "address", listener.Addr().String())
		server := &http.Server{Handler: a.handler(), ReadHeaderTimeout: 5 * time.Second}
		go func() { failed <- server.Serve(listener) }()
		defer func() { _ = server.Close() }()
	}
	// Whoever waits for a run is answered before the listener closes.
	defer a.runs.wait()
	for {
		var fire <-chan time.Time
		var due time.Time
		if p.schedule != nil {
			due = p.schedule.Next(time.Now().In(p.zone))
			fire = time.After(time.Until(due))
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return fmt.Errorf("serve %s: %w", c.Listen, err)
		case <-fire:
			// The time that was scheduled names the billing period, not the moment it fired.
			if _, err := a.runs.start(ctx, billing.PeriodOf(due)); err != nil {
				a.runs.events.say(ctx, "run.skipped", failure(err))
			}
		}
	}
}
