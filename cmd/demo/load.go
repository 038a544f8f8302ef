package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/load"
	"example.com/triplecharge/internal/services"
)

// largeRun bills many invoices on this machine.
type largeRun struct {
	Mode          string        `required:"" placeholder:"MODE" help:"The mode: ${modes}."`
	Subscriptions int           `default:"100000" help:"How many invoices are due."`
	Servers       int           `default:"3" help:"How many servers fire at midnight."`
	KillEvery     time.Duration `name:"kill-every" placeholder:"2s" help:"Kill a server (SIGKILL) this long after the last, each in turn, and start it again."`
	Concurrency   int           `default:"${concurrency}" help:"How many charges each server has under way at a time."`
	Latency       time.Duration `help:"How long the simulated Stripe takes to answer."`
	Jitter        time.Duration `help:"Up to how much longer, at random."`
	At            time.Time     `default:"2026-12-01T00:00:00Z" placeholder:"TIME" help:"The logical due time; its month is billed."`
	DatabaseURL   string        `name:"database-url" env:"DATABASE_URL" placeholder:"URL" help:"Use this Postgres instead of starting one; in a schema that is dropped at the end."`
	RedisURL      string        `name:"redis-url" env:"REDIS_URL" placeholder:"URL" help:"Use this Redis instead of starting one."`
}

// Run makes the run, with a progress bar, and prints the audit.
func (c largeRun) Run(ctx context.Context, o output) (err error) {
	if err := c.check(); err != nil {
		return fmt.Errorf("%w%w", errUsage, err)
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program, to run it as the servers: %w", err)
	}
	svc, err := services.Start(ctx, services.Options{
		DatabaseURL: c.DatabaseURL, RedisURL: c.RedisURL, SharedBuffers: load.SharedBuffers,
		Log: func(line string) { fmt.Fprintln(o.log, line) },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, svc.Close()) }()
	fmt.Fprintf(o.log, "Stripe: the simulator, in this process\n")
	bar := newRateBar(o.log, c.Subscriptions)
	result, err := load.Options{
		Services: svc, Worker: []string{self, workerArg},
		Flags: []string{"--concurrency", fmt.Sprint(c.Concurrency)},
		Mode:  c.Mode, Servers: c.Servers, Subscriptions: c.Subscriptions, At: c.At.UTC(),
		Latency: c.Latency, Jitter: c.Jitter, KillEvery: c.KillEvery, Progress: bar.show,
	}.Run(ctx)
	if err != nil {
		return err
	}
	bar.end()
	c.print(o.out, result)
	if !result.Audit.Exact() {
		return fmt.Errorf("not each invoice was charged once and recorded once: %w", errBroken)
	}
	return nil
}

func (c largeRun) check() error {
	if _, err := billing.ModeNamed(c.Mode); err != nil {
		return fmt.Errorf("--mode: %w", err)
	}
	switch {
	case c.Subscriptions < 1 || c.Subscriptions > maxSubscriptions:
		return fmt.Errorf("--subscriptions %d: want 1 to %d", c.Subscriptions, maxSubscriptions)
	case c.Servers < 1 || c.Servers > load.MaxServers:
		return fmt.Errorf("--servers %d: want 1 to %d", c.Servers, load.MaxServers)
	case c.KillEvery < 0 || c.Latency < 0 || c.Jitter < 0:
		return errors.New("--kill-every, --latency and --jitter can't be negative")
	case c.Concurrency < 1:
		return fmt.Errorf("--concurrency %d: want 1 or more", c.Concurrency)
	case os.Getenv("STRIPE_SECRET_KEY") != "":
		return errors.New("a large run is made against the simulator: unset STRIPE_SECRET_KEY")
	}
	return nil
}

// maxSubscriptions is what the simulator keeps in the memory of a large machine.
const maxSubscriptions = 10_000_000

// print prints the audit: both sides, then what the servers took.
func (c largeRun) print(w io.Writer, r load.Result) {
	a := r.Audit
	fmt.Fprintf(w, "%s, %d servers, %s invoices in %s: %s/s\n", c.Mode, c.Servers,
		thousands(a.Invoices), r.Took.Round(10*time.Millisecond),
		thousands(int(float64(a.Invoices)/r.Took.Seconds())))
	if c.KillEvery > 0 {
		fmt.Fprintf(w, "  %d times a server was killed and started again; quiet runs after that: %d\n",
			r.Kills, r.Quiet)
	}
	for _, side := range []struct {
		name, what string
		count      int
		minor      int64
	}{
		{"due", "invoices", a.Invoices, a.DueMinor},
		{"at Stripe", "charges", a.Charges, a.ChargedMinor},
		{"in the ledger", "entries", a.Entries, a.EnteredMinor},
	} {
		fmt.Fprintf(w, "  %-14s %12s %-9s %16s\n", side.name, thousands(side.count), side.what,
			dollars(side.minor))
	}
	fmt.Fprintf(w, "  overcharged %s, unbilled %s, unrecorded %s, recorded without a charge %s\n",
		thousands(a.Overcharged), thousands(a.Unbilled), thousands(a.Unrecorded),
		thousands(a.Overrecorded))
	for _, s := range r.Servers {
		fmt.Fprintf(w, "  %s: %s of processor time", s.Server, s.CPU.Round(10*time.Millisecond))
		if s.MemoryBytes > 0 {
			fmt.Fprintf(w, ", %.1f MB of memory at most", float64(s.MemoryBytes)/(1<<20))
		}
		fmt.Fprintln(w)
	}
	if r.Warnings > 0 {
		fmt.Fprintf(w, "  The servers gave %d warnings; the last: %s\n", r.Warnings, r.Warning)
	}
	if a.Exact() {
		fmt.Fprintf(w, "  Exact: each invoice has one charge and one entry.\n")
	} else {
		fmt.Fprintf(w, "  NOT EXACT.\n")
	}
}

func dollars(minor int64) string {
	return fmt.Sprintf("$%s.%02d", thousands(int(minor/100)), minor%100)
}

// thousands writes a count in groups of three digits.
func thousands(n int) string { return message.NewPrinter(language.English).Sprint(n) }

// rateBar shows how far a large run is, how fast it goes and how long it will take: on a terminal
// as a bar that moves, else as a line for each tenth.
type rateBar struct {
	out    io.Writer
	width  int // columns of the terminal; 0 if there is none
	total  int
	began  time.Time
	tenths int
}

func newRateBar(out io.Writer, total int) *rateBar {
	return &rateBar{out: out, width: terminalWidth(out), total: total}
}

// show draws the bar for so many charges.
func (b *rateBar) show(charges int) {
	if b.began.IsZero() {
		b.began = time.Now()
	}
	tenths := charges * 10 / b.total
	if b.width == 0 && tenths <= b.tenths {
		return
	}
	b.tenths = tenths
	rate := float64(charges) / max(time.Since(b.began).Seconds(), 0.001)
	line := fmt.Sprintf("%s charges, %.0f %%, %s/s", thousands(charges),
		100*float64(charges)/float64(b.total), thousands(int(rate)))
	if left := b.total - charges; left > 0 && rate > 0 {
		line += fmt.Sprintf(", %s left",
			time.Duration(float64(left)/rate*float64(time.Second)).Round(time.Second))
	}
	if b.width == 0 {
		fmt.Fprintln(b.out, line)
		return
	}
	length := min(max(b.width-len(line)-3, 0), 40)
	full := min(length, charges*length/b.total)
	fmt.Fprintf(b.out, "\r%s%s  %s%s", strings.Repeat("█", full), strings.Repeat("░", length-full),
		line, eraseRest)
}

func (b *rateBar) end() {
	if b.width > 0 {
		fmt.Fprintln(b.out)
	}
}
