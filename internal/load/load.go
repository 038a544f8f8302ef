// Package load makes a large due run on this machine: many invoices, several billing servers in
// processes of their own, and a simulated Stripe; and audits both sides afterwards.
package load

import (
	"context"
	"errors"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/ledger"
)

// Options say what is run. Services, Worker, Mode, Servers and Subscriptions must be set.
type Options struct {
	// Services have the Postgres, in which the run gets a database of its own, and the Redis.
	Services *services.Services
	// Worker is the command that becomes a server, such as the worker's; flags are put behind it.
	Worker        []string
	Flags         []string // further ones
	Mode          string
	Servers       int
	Subscriptions int
	At            time.Time // the logical due time, in UTC
	// Latency and Jitter are how long Stripe takes to charge, as in stripesim.Options.
	Latency, Jitter time.Duration
	// KillEvery is how long after the last one another server is killed, and started again; 0: none.
	// It is spared as long as nobody has charged anything since: servers that are killed before they
	// get to an invoice would never be done.
	KillEvery time.Duration
	// Progress is told now and then how many charges Stripe has made. May be nil.
	Progress func(charges int)
}

// SharedBuffers is what a Postgres of one's own needs for a large run: a million invoices have half
// a gigabyte of indexes, which are written to all over.
const SharedBuffers = "512MB"

// Result is what came of a run.
type Result struct {
	Took  time.Duration // from the trigger until the last server had finished
	Kills int
	// Quiet is how many quiet runs it took after that to bill what killed servers had begun.
	Quiet    int
	Servers  []Usage // one for each server, of the process that made its last run
	Warnings int     // events that servers gave as warnings
	Warning  string  // the last of them
	Audit    Audit
}

// Usage is what a server's process has used.
type Usage struct {
	Server      string
	MemoryBytes int64         // at the most, resident; 0 where the system doesn't tell
	CPU         time.Duration // user and system
}

// Run sets the customers up, makes the run and audits it. It leaves nothing running.
func (o Options) Run(ctx context.Context) (r Result, err error) {
	databaseURL, err := o.Services.NewDatabase(ctx)
	if err != nil {
		return r, err
	}
	defer func() {
		// Also after ctx has ended; nobody else will.
		dropped := o.Services.DropDatabase(context.WithoutCancel(ctx), databaseURL)
		err = errors.Join(err, dropped)
	}()
	sim, err := startStripe(o.Latency, o.Jitter, o.Servers)
	if err != nil {
		return r, err
	}
	defer sim.close()
	store, err := ledger.Open(ctx, databaseURL, ledger.Options{Recorder: "load"})
	if err != nil {
		return r, err
	}
	defer store.Close()
	b := newBooks(store, sim, billing.PeriodOf(o.At))
	if err := b.open(ctx, o.Subscriptions); err != nil {
		return r, err
	}
	fleet, err := o.start(ctx, databaseURL, sim)
	if err != nil {
		return r, err
	}
	defer fleet.stop()
	if err := o.run(ctx, fleet, sim, &r); err != nil {
		return r, err
	}
	if err := o.recover(ctx, fleet, b, &r); err != nil {
		return r, err
	}
	r.Servers = fleet.stop()
	r.Warnings, r.Warning = fleet.warnings()
	r.Audit, err = b.audit(ctx)
	return r, err
}

// progressEvery is often enough for a bar to move, and costs nothing.
const progressEvery = 200 * time.Millisecond

// run makes all servers' due runs, killing a server now and then.
func (o Options) run(ctx context.Context, f *fleet, sim *stripe, r *Result) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	began := time.Now()
	finished := f.fire(ctx)
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	var kill <-chan time.Time
	charged := 0 // when a server was killed the last time
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
			if n := sim.charges(); n > charged && f.kill(r.Kills%o.Servers) {
				r.Kills++
				charged = n
			}
		}
	}
}

func (o Options) progress(sim *stripe) {
	if o.Progress != nil {
		o.Progress(sim.charges())
	}
}

// quietRuns is how many there are at most: one bills what the killed servers left, once their
// leases and claims are gone.
const quietRuns = 2

// recover bills what killed servers had begun: once their leases and claims are seen gone, one
// server runs again, as it would at the next time of its schedule.
func (o Options) recover(ctx context.Context, f *fleet, b books, r *Result) error {
	for r.Kills > 0 && r.Quiet < quietRuns {
		left, err := b.unbilled(ctx)
		if err != nil || left == 0 {
			return err
		}
		if err := f.awaitExpiry(ctx, b); err != nil {
			return err
		}
		if err := f.servers[0].run(ctx); err != nil {
			return err
		}
		r.Quiet++
	}
	return nil
}
