package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9/logging"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/cli"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/ledger"
)

// Main is the worker's main function, which returns the exit status: 0, 1 for a failure, or 2 for
// an unusable command line or environment.
func Main(args []string, stdout, stderr io.Writer) int {
	return MainWith(args, stdout, stderr, unchanged)
}

// Change replaces a mode, e.g. by one without a guard, to see what the guard is for, or by one with
// somebody else's lock.
type Change func(Config, billing.Mode) billing.Mode

// MainWith is Main with the mode changed.
func MainWith(args []string, stdout, stderr io.Writer, change Change) int {
	// Without this, Go ends the process at the first write after the log's reader has gone.
	signal.Ignore(syscall.SIGPIPE)
	// go-redis would write to standard error, and wait for its reader. The locks return its errors.
	logging.Disable()
	var c Config
	return program().Main(args, stdout, stderr, &c,
		func(ctx context.Context, _ any, _ io.Writer) error {
			token, err := cli.Token("WORKER_TOKEN")
			key, keyErr := cli.Secret(cli.StripeKey)
			webhook, webhookErr := cli.Token("STRIPE_WEBHOOK_SECRET")
			if err := cmp.Or(err, keyErr, webhookErr); err != nil {
				return err
			}
			return runWith(ctx, c, Secrets{key, token, webhook}, stdout, change)
		})
}

// complain prints an error. Standard error may be the log's pipe, which perhaps nobody reads.
func complain(stderr io.Writer, text string) {
	within(logLimit, func() { fmt.Fprintln(stderr, text) })
}

// within calls f, and returns when it has returned, after limit at the latest.
func within(limit time.Duration, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(limit):
	}
}

// program is the command, whose flags are a Config.
func program() cli.Program {
	return cli.Program{
		Name: "worker",
		Description: "One billing server: charges the due invoices of a billing period.\n\n" +
			"Modes:\n" + modes(),
		Env: "WORKER",
		Vars: map[string]string{
			"modes": modeNames(), "stripe_timeout": stripecharge.DefaultTimeout.String(),
			"lock_patience": redislock.DefaultPatience.String(),
			"concurrency":   strconv.Itoa(DefaultConcurrency),
			"test_mode_rps": strconv.Itoa(testModeRPS),
		},
		Complain: complain,
	}
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

func unchanged(_ Config, m billing.Mode) billing.Mode { return m }

// runWith runs one server, which writes its events to out. It returns when its one due run is over
// or, with a schedule or an address to listen on, when ctx ends: then it finishes the invoices in
// flight and starts no others. It returns nil if ctx ended, and ends in the same way if the ledger
// has forgotten something.
func runWith(
	ctx context.Context, c Config, s Secrets, out io.Writer, change Change,
) (err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer func() {
		if cause := context.Cause(ctx); errors.Is(cause, ledger.ErrForgot) {
			err = cause
		}
	}()
	return runUntil(ctx, stop, c, s, out, change)
}

// runUntil is runWith, and calls stop if the ledger has forgotten something.
func runUntil(
	ctx context.Context, stop context.CancelCauseFunc, c Config, s Secrets, out io.Writer,
	change Change,
) error {
	p, err := c.check(s, time.Now())
	if err != nil {
		return cli.Usage(err)
	}
	p.mode = change(c, p.mode)
	events := newEvents(out, c)
	defer events.close()

	// Stripe and Redis are connected to on first use, so an error here is one of usage.
	stripe := c.stripe(s)
	h := &hold{events: events, limit: c.Hold}
	stripe.Hold = h.send
	charger, err := stripecharge.New(stripe)
	if err != nil {
		return cli.Usage(fmt.Errorf("--stripe-url: %w", err))
	}
	defer charger.Close()
	h.ping = charger.Ping
	h.stop = func(why error) { charger.Stop(); stop(why) }
	locker, closeLocker, err := c.locker(p.mode.Lock, events)
	if err != nil {
		return cli.Usage(err)
	}
	defer closeLocker()
	store, err := c.open(ctx, h)
	if store == nil {
		return err
	}
	defer within(closeLimit, store.Close) // which waits for connections that may hang
	charger = charger.ForLedger(store.ID())
	if err := locker.start(ctx, store.ID()); err != nil {
		return err
	}
	last, told := c.stopping(ctx, charger, events)
	defer told()

	locks := c.observe(ctx, heldLocker{locker, h}, p.mode.Lock, events)
	ports := c.ports(locks, store, charger, events)
	mode := p.mode.New(ports)
	runs := newRuns(billing.Worker{
		Server:      c.Name,
		Invoices:    store,
		Mode:        observedMode{heldMode{mode, h}, last},
		Concurrency: c.Concurrency + waitingAtMost,
		Begin:       c.inHand(charger.Takes).begin,
	}, h)
	runs.record, runs.zone = store, p.zone
	if p.mode.Lock != billing.NoLock {
		runs.lease = c.LockTTL
	}
	if p.mode.ChecksLedger {
		runs.worker.Invoices, runs.catchUp = store.Uncharged(runs.passOver), c.CatchUp
	}
	if p.begin != nil {
		runs.worker.Invoices = beginningAt{runs.worker.Invoices, *p.begin}
	}
	if c.Listen == "" && p.schedule == nil {
		return once(ctx, runs, orNow(p.at))
	}
	a := api{
		runs: runs, token: s.Token, at: p.at, force: c.ForceAt,
		away: awayOf(locker, store), webhook: webhook{events, s.Webhook, charger, ports.Ledger},
	}
	return c.serve(ctx, a, p)
}

// open opens the ledger. If there is neither a ledger nor an error, the server was stopped.
func (c Config) open(ctx context.Context, h *hold) (*ledger.Store, error) {
	store, err := ledger.Open(ctx, c.DatabaseURL, ledger.Options{
		Recorder: c.Name, Hold: h.persist(postgresServer),
		Say: func(what string) {
			h.say(ctx, event.LedgerOpening, slog.String("reason", what))
		},
	})
	if err == nil {
		_ = store.Intact(ctx) // or else h ends the server
	}
	if ctx.Err() != nil {
		err = nil
	}
	return store, err
}

// once makes one due run. Being stopped during it is no failure.
func once(ctx context.Context, runs *runs, due time.Time) error {
	one, err := runs.start(ctx, due)
	if errors.Is(err, errStopping) {
		return nil
	} else if err != nil {
		return err
	}
	<-one.done
	switch {
	case errors.Is(one.err, errHeldTooLong):
		return one.err
	case ctx.Err() != nil:
		return nil // what was not sent counts as failed
	case one.summary.Failed > 0:
		return fmt.Errorf("%d invoices failed, or their outcome is unknown: see the events",
			one.summary.Failed)
	}
	return one.err
}

// serve starts due runs by schedule and by request until ctx ends.
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
	// Clients that wait for a run get their answer before the listener closes.
	defer a.runs.stop()
	defer cancel()
	due := agenda{plan: p, runs: a.runs}
	if err := due.begin(ctx, time.Now()); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return fmt.Errorf("serve %s: %w", c.Listen, err)
		case <-due.ready():
			due.start(ctx)
		case <-due.look():
			due.tick(ctx, time.Now())
		}
	}
}

// closeLimit is how long the ledger's connections may take to close. pgx waits up to 15 s for those
// that hang.
const closeLimit = time.Second

// endLimit returns how long after SIGTERM the server has ended at the latest, unless the ledger
// takes longer than it promises. The last request to Stripe, sent just before the signal, is
// answered or given up; the charge is recorded, and the lease released; all is closed.
func (c Config) endLimit() time.Duration {
	return c.StripeTimeout + ledger.DefaultTimeout + releaseLimit + finishLimit +
		answerLimit + closeLimit + flushLimit + logLimit
}

// stopping ends the requests to Stripe with ctx: none is sent after that. last ends when the last
// one in flight has been answered or given up. told returns when the end has been logged, if it
// came.
func (c Config) stopping(
	ctx context.Context, stripe *stripecharge.Client, e *events,
) (last context.Context, told func()) {
	limit := slog.String("reason", c.endLimit().String())
	e.say(ctx, event.ServerReady, limit)
	last, giveUp := context.WithCancel(context.Background())
	done := make(chan struct{})
	unless := context.AfterFunc(ctx, func() {
		defer close(done)
		stripe.Stop()
		e.say(ctx, event.ServerStopping, limit)
		time.AfterFunc(c.StripeTimeout, giveUp)
	})
	return last, func() {
		if !unless() {
			<-done
		}
	}
}

// answerLimit is how long pending answers may take when the server stops; their runs have ended.
const answerLimit = 2 * time.Second

// listen serves the API. closeListener ends that after pending requests are answered. The
// listener's error is sent to failed.
func (c Config) listen(a api, failed chan<- error) (closeListener func(), err error) {
	listener, err := cli.Listen("--listen", c.Listen)
	if err != nil {
		return nil, err
	}
	a.runs.events.say(a.ctx, event.ServerListening,
		slog.String("address", listener.Addr().String()))
	// What net/http would print is no event. Nobody is waited for to read it.
	server := cli.NewServer(a.handler(), io.Discard)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			failed <- err
		}
	})
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
		defer cancel()
		_ = server.Shutdown(ctx) // Close cuts off what is still open after the limit
		_ = server.Close()
		serving.Wait()
	}, nil
}
