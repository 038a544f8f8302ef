// Package load makes a large due run on this machine, with many invoices, several billing servers
// in their own processes, and a simulated Stripe, and audits both sides afterwards.
package load

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/fleet"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/stripesim"
	"example.com/triplecharge/internal/verdict"
	"example.com/triplecharge/ledger"
)

// Options describe a large run. Services, Worker, Mode, Servers and Subscriptions must be set.
type Options struct {
	// Services provide Postgres, in which the run gets its own database, and Redis.
	Services *services.Services
	// Worker is the command that starts a server; flags are appended.
	Worker        []string
	Flags         []string // further flags of the servers
	Mode          string
	Servers       int
	Parts         bool // each server begins at its part of the list
	Subscriptions int
	At            time.Time // the logical due time, in UTC
	// ClosedMonths is how many months before it were billed already.
	ClosedMonths int
	// Latency and Jitter are how long Stripe takes to charge, as in stripesim.Options.
	Latency, Jitter time.Duration
	// KillEvery is the interval at which a server is killed, each in turn, and started again; 0:
	// never. No server is killed while there is no new charge since the last kill: servers that are
	// always killed before they reach an invoice would never finish.
	KillEvery time.Duration
	// Held, if not nil, is called with a sentence when a server begins to hold its due run, such as
	// when the disk is full.
	Held func(string)
	// Progress is called now and then with the number of charges at Stripe. It may be nil.
	Progress func(charges int)
}

// SharedBuffers is the setting that our own Postgres needs for a large run: a million invoices have
// half a gigabyte of indexes, with writes all over them.
const SharedBuffers = "512MB"

// Result is the result of a run.
type Result struct {
	Took  time.Duration // from the trigger until the last server had finished
	Kills int
	// Recoveries is how many recovery runs it took to bill what killed servers had begun.
	Recoveries int
	Servers    []Usage // of each server's last process
	Warnings   int     // events that servers logged with an error
	Warning    string  // the last of them
	// Invoices is how many were due, Audit the charges and entries for them.
	Invoices int
	Audit    reconcile.Tally
}

// Total returns the sums over all invoices, which are in one currency.
func (r Result) Total() reconcile.Account {
	if len(r.Audit.Totals) != 1 {
		return reconcile.Account{}
	}
	return r.Audit.Totals[0]
}

// Exact reports whether each invoice has one charge of its amount, and the entry for it.
func (r Result) Exact() bool {
	sum := r.Total()
	return r.Audit.Counts[verdict.Right] == r.Invoices && sum.Charges == r.Invoices &&
		sum.Entries == r.Invoices && sum.ChargedMinor == sum.DueMinor &&
		sum.EnteredMinor == sum.DueMinor
}

// Usage is what a server's process took.
type Usage struct {
	Server      string
	MemoryBytes int64         // the most that was resident; 0 where the system does not report it
	CPU         time.Duration // user and system
}

// Run sets up the customers, makes the run and audits it. It leaves nothing running.
func (o Options) Run(ctx context.Context) (r Result, err error) {
	databaseURL, err := o.Services.NewDatabase(ctx)
	if err != nil {
		return r, err
	}
	defer func() {
		// Also after ctx has ended, since nothing else drops it.
		dropped := o.Services.DropDatabase(context.WithoutCancel(ctx), databaseURL)
		err = errors.Join(err, dropped)
	}()
	sim, err := fleet.StartSimulator(
		stripesim.Options{Latency: o.Latency, Jitter: o.Jitter}, fleet.Names(o.Servers))
	if err != nil {
		return r, err
	}
	defer sim.Close()
	client, err := stripecharge.New(stripecharge.Options{
		Key: stripecharge.SimulatorKey, URL: sim.URL(""),
	})
	if err != nil {
		return r, err
	}
	defer client.Close()
	store, err := ledger.Open(ctx, databaseURL, ledger.Options{Recorder: "load"})
	if err != nil {
		return r, err
	}
	defer store.Close()
	b := bothSides{
		store: store, sim: sim, client: client.ForLedger(store.ID()),
		period: billing.PeriodOf(o.At), tag: strings.ToLower(rand.Text()[:8]),
	}
	if err := b.open(ctx, o.Subscriptions); err != nil {
		return r, err
	}
	if err := o.closeMonths(ctx, databaseURL); err != nil {
		return r, err
	}
	servers, err := o.start(ctx, databaseURL, b)
	if err != nil {
		return r, err
	}
	defer servers.stop()
	if err := o.run(ctx, servers, sim, &r); err != nil {
		return r, err
	}
	if err := o.recover(ctx, servers, b, &r); err != nil {
		return r, err
	}
	r.Servers = servers.stop()
	if err := servers.disown(ctx, b.lockPrefix()); err != nil {
		return r, err
	}
	r.Warnings, r.Warning = servers.warnings()
	r.Invoices = o.Subscriptions
	r.Audit, err = b.audit(ctx)
	return r, err
}

// progressEvery is often enough for a bar that moves, and costs nothing.
const progressEvery = 200 * time.Millisecond

// run makes all servers' due runs and kills a server now and then.
func (o Options) run(ctx context.Context, f *servers, sim *fleet.Simulator, r *Result) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	began := time.Now()
	finished := f.fire(ctx)
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	var kill <-chan time.Time
	charged := 0 // at the last kill
	if o.KillEvery > 0 {
		killing := time.NewTicker(o.KillEvery)
		defer killing.Stop()
		kill = killing.C
	}
	for {
		select {
		case err := <-finished:
			r.Took = time.Since(began)
			o.progress(sim)
			return err
		case <-tick.C:
			o.progress(sim)
		case <-kill:
			if n := sim.Charges(); n > charged && f.all[r.Kills%o.Servers].kill() {
				r.Kills++
				charged = n
			}
		}
	}
}

func (o Options) progress(sim *fleet.Simulator) {
	if o.Progress != nil {
		o.Progress(sim.Charges())
	}
}

// maxRecoveries limits the recovery runs. One bills what the killed servers left, after their
// leases and claims have expired.
const maxRecoveries = 2

// recover bills what killed servers had begun: after their leases and claims have expired, one
// server makes another due run, as its schedule would have it do.
func (o Options) recover(ctx context.Context, f *servers, b bothSides, r *Result) error {
	for r.Kills > 0 && r.Recoveries < maxRecoveries {
		left, err := b.unbilled(ctx)
		if err != nil || left == 0 {
			return err
		}
		if err := f.awaitExpiry(ctx, b); err != nil {
			return err
		}
		if err := f.all[0].run(ctx); err != nil {
			return err
		}
		r.Recoveries++
	}
	return nil
}
