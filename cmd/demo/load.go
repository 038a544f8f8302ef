package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"example.com/triplecharge/internal/cli"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/load"
	"example.com/triplecharge/internal/money"
	"example.com/triplecharge/internal/report"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/verdict"
)

// largeRun bills many invoices on this machine.
type largeRun struct {
	Mode          modeFlag      `required:"" placeholder:"MODE" help:"Mode: ${modes}."`
	Subscriptions int           `default:"100000" min:"1" max:"10000000" help:"Number of invoices that are due."`
	Servers       int           `default:"3" min:"1" max:"100" help:"Servers that fire at midnight."`
	Parts         bool          `help:"Give each server a --part of the list to begin with."`
	ClosedMonths  int           `name:"closed-months" min:"0" max:"120" help:"Months before this one whose invoices were charged and recorded already; their claims and entries stay in the ledger."`
	KillEvery     time.Duration `name:"kill-every" min:"1ms" placeholder:"DURATION" help:"Kill a server (SIGKILL) at this interval, each in turn, and start it again. Default: never."`
	Concurrency   int           `default:"${concurrency}" min:"1" max:"10000" help:"Charges in flight per server."`
	Latency       time.Duration `max:"1h" help:"Latency of the simulated Stripe."`
	Jitter        time.Duration `max:"1h" help:"Maximum random extra latency."`
	At            dueTime       `default:"2026-12-01T00:00:00Z" help:"Logical due time; its month is billed."`
	JSON          bool          `name:"json" help:"Print the result as JSON, and the text as the log."`
	DatabaseURL   string        `name:"database-url" env:"DATABASE_URL" url:"postgres,postgresql" placeholder:"URL" help:"Postgres to use instead of starting one. The run has its own schema, which is dropped at the end."`
	RedisURL      string        `name:"redis-url" env:"REDIS_URL" url:"redis,rediss" placeholder:"URL" help:"Redis to use instead of starting one."`
}

// Run makes the run, with a progress bar, and prints the audit.
func (c largeRun) Run(ctx context.Context, o output) (err error) {
	if _, real, err := stripeKey(); real || err != nil {
		return cmp.Or(err, cli.Usage(errors.New("a large run is made against the simulator: "+
			"unset STRIPE_SECRET_KEY")))
	}
	harness, err := newHarness(ctx, o, services.Options{
		DatabaseURL: c.DatabaseURL, RedisURL: c.RedisURL, SharedBuffers: load.SharedBuffers,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, harness.Services.Close()) }()
	fmt.Fprintln(o.log, "Stripe: the simulator, in this process")
	bar := newProgressBar(o.bar, c.Subscriptions, "charges")
	result, err := load.Options{
		Services: harness.Services, Worker: harness.Worker,
		Flags: []string{"--concurrency", fmt.Sprint(c.Concurrency)},
		Mode:  c.Mode.Name, Servers: c.Servers, Parts: c.Parts, Subscriptions: c.Subscriptions,
		At: c.At.Time, ClosedMonths: c.ClosedMonths, Latency: c.Latency, Jitter: c.Jitter,
		KillEvery: c.KillEvery, Progress: bar.set,
		Held: func(what string) { fmt.Fprintf(o.log, "\n%s\n", what) },
	}.Run(ctx)
	bar.clear()
	if err != nil {
		return err
	}
	if c.JSON {
		if err := report.JSON(o.out, c.document(result)); err != nil {
			return err
		}
		o.out = o.log
	}
	c.print(o.out, result)
	switch e := c.expected(); {
	case result.Exact():
		fmt.Fprintln(o.out, "  Exact: each invoice has one charge and one entry.")
	case !e.Known:
		fmt.Fprintf(o.out, "  NOT EXACT.\n  %s\n", faults.NoExpectation(c.Mode.Name))
	case !e.Recovered.Right():
		fmt.Fprintf(o.out, "  NOT EXACT, as expected of %s: %s.\n", c.Mode.Name, e.Why)
	default:
		fmt.Fprintln(o.out, "  NOT EXACT.")
		return fmt.Errorf("some invoices were not charged and recorded exactly once: %w", errBroken)
	}
	return nil
}

// expected returns what is expected of the mode, at worst. Servers are killed before charges and
// after them.
func (c largeRun) expected() (e faults.Expectation) {
	hit := []faults.Fault{faults.None}
	if c.KillEvery > 0 {
		hit = append(hit, faults.CrashBeforeCharge, faults.CrashAfterCharge)
	}
	for _, f := range hit {
		row, _ := faults.Named(f)
		e = row.Expect(c.Mode.Mode, c.Servers)
		if c.KillEvery == 0 {
			e.Recovered = e.After // there is no recovery run
		}
		if !e.Known || !e.Recovered.Right() {
			break
		}
	}
	return e
}

// document returns what --json prints.
func (c largeRun) document(r load.Result) any {
	sum := r.Total()
	return map[string]any{
		"mode": c.Mode.Name, "servers": c.Servers, "seconds": r.Took.Seconds(),
		"kills": r.Kills, "recoveries": r.Recoveries, "due": r.Invoices,
		"charges": sum.Charges, "entries": sum.Entries, "invoices": r.Audit.Counts,
		"exact": r.Exact(), "warnings": r.Warnings,
	}
}

// print prints the audit: both sides, then the CPU time and memory of the servers.
func (c largeRun) print(w io.Writer, r load.Result) {
	sum, found := r.Total(), r.Audit.Counts
	fmt.Fprintf(w, "%s, %s, %s in %s: %s/s\n", c.Mode.Name, money.Count(c.Servers, "server"),
		money.Count(r.Invoices, "invoice"), r.Took.Round(10*time.Millisecond),
		money.Number(int(float64(r.Invoices)/r.Took.Seconds())))
	if c.KillEvery > 0 {
		fmt.Fprintf(w, "  servers killed and restarted: %d; recovery runs after that: %d\n",
			r.Kills, r.Recoveries)
	}
	for _, side := range []struct {
		name, what string
		count      int
		minor      int64
	}{
		{"due", "invoice", r.Invoices, sum.DueMinor},
		{"at Stripe", "charge", sum.Charges, sum.ChargedMinor},
		{"in the ledger", "entry", sum.Entries, sum.EnteredMinor},
	} {
		count, noun, _ := strings.Cut(money.Count(side.count, side.what), " ")
		fmt.Fprintf(w, "  %-14s %12s %-9s %16s\n", side.name, count, noun,
			money.Amount(side.minor, sum.Currency))
	}
	var wrong []string
	for _, w := range []verdict.Word{
		verdict.Overcharged, verdict.Unbilled, verdict.Unrecorded, verdict.NotAtStripe,
	} {
		wrong = append(wrong, fmt.Sprintf("%s %s", w, money.Number(found[w])))
	}
	fmt.Fprintf(w, "  %s\n", strings.Join(wrong, ", "))
	for _, s := range r.Servers {
		fmt.Fprintf(w, "  %s: %s of CPU time", s.Server, s.CPU.Round(10*time.Millisecond))
		if s.MemoryBytes > 0 {
			fmt.Fprintf(w, ", at most %.1f MB of memory", float64(s.MemoryBytes)/(1<<20))
		}
		fmt.Fprintln(w)
	}
	if r.Warnings > 0 {
		fmt.Fprintf(w, "  The servers logged %d warnings; the last: %s\n", r.Warnings, r.Warning)
	}
}
