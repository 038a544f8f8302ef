// Package command is what cmd/reconcile is made of: its command line. cmd/demo runs the same code
// in a child process, for the walkthrough.
package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/ledger"
)

// cli is the command line. Each flag but --apply can also come from the environment.
type cli struct {
	Period      string `required:"" placeholder:"MONTH" help:"The billing period, such as 2026-12."`
	DatabaseURL string `name:"database-url" required:"" env:"RECONCILE_DATABASE_URL,DATABASE_URL" placeholder:"URL" help:"The ledger's Postgres."`
	StripeURL   string `name:"stripe-url" env:"RECONCILE_STRIPE_URL,STRIPE_URL" placeholder:"URL" help:"A Stripe simulator, asked as long as STRIPE_SECRET_KEY is not set; with a test mode key in it Stripe itself is asked."`
	Since       string `placeholder:"TIME" help:"List the PaymentIntents that were created at or after this time: RFC 3339, or a date (UTC). Unless it is given: a week before the month began, or before now if it has not."`
	Until       string `placeholder:"TIME" help:"And before this time. Unless it is given: a month after the month's end."`
	Apply       bool   `env:"-" help:"Record, refund and cancel. Without it, nothing is changed."`
	JSON        bool   `name:"json" help:"Print the outcome for a program; package internal/reconcile says what is in it."`
}

const description = `Compares Stripe with the ledger, invoice by invoice. It may be interrupted, ` +
	`run again, and run beside others and beside a due run.

The verdicts: right; unrecorded (a charge or refund has no ledger entry); overcharged (more than ` +
	`one charge has the customer's money); unbilled (due and not charged); pending (claimed, or ` +
	`not decided at Stripe); recorded but not at Stripe; in doubt (left to a person).

With --apply it records what is missing, refunds all but the earliest charge, and cancels ` +
	`PaymentIntents that nothing will ever confirm. It charges nobody.

The exit status is 0 if all is right (after --apply: now), whether or not something is left to ` +
	`cancel; 1 if not, or if it can't be told; 2 if the command line can't be used; 130 after Ctrl-C.`

// Main runs the command and returns its exit status.
func Main(args []string, stdout, stderr io.Writer) int {
	// A live key is refused before anything else: before --help, before a look at the database.
	key := os.Getenv("STRIPE_SECRET_KEY")
	if key != "" {
		if err := stripecharge.CheckKey(key); err != nil {
			fmt.Fprintln(stderr, "reconcile:", err)
			return 1
		}
	}
	var c cli
	status := -1
	parser, err := kong.New(&c, kong.Name("reconcile"), kong.Description(description),
		kong.Writers(stdout, stderr), kong.DefaultEnvars("RECONCILE"),
		kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 100}),
		kong.Exit(func(code int) { status = code }),
	)
	if err == nil {
		_, err = parser.Parse(args)
	}
	var o options
	if err == nil && status < 0 {
		o, err = c.check(key, time.Now())
	}
	switch {
	case status >= 0: // --help
		return status
	case err != nil:
		fmt.Fprintf(stderr, "reconcile: %v\nRun reconcile --help for the flags.\n", err)
		return 2
	}
	// The first signal lets what was begun be finished; with the handler gone, a second one ends
	// the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM,
		syscall.SIGHUP)
	context.AfterFunc(ctx, stop)
	defer stop()
	ok, err := o.reconcile(ctx, stdout)
	switch {
	case ctx.Err() != nil && !ok:
		fmt.Fprintln(stderr, "reconcile: interrupted; run it again, it goes on where it was")
		return 130
	case err != nil:
		fmt.Fprintf(stderr, "reconcile: %v%s\n", err, advice(err))
		return 1
	case !ok:
		return 1
	}
	return 0
}

// advice says what to do if Stripe can't be reached; the ledger's errors say what to do themselves.
func advice(err error) string {
	var request *url.Error
	var op *net.OpError
	if errors.As(err, &request) && errors.As(err, &op) && op.Op == "dial" {
		return ": check that Stripe, or the simulator at --stripe-url, can be reached from here"
	}
	return ""
}

// options are a command line that was found right.
type options struct {
	cli
	period billing.Period
	window reconcile.Window
	stripe stripecharge.Options
}

// check reads what kong can't: all that could be wrong is found before anything is opened.
func (c cli) check(key string, now time.Time) (o options, err error) {
	o.cli = c
	if o.period, err = billing.ParsePeriod(c.Period); err != nil {
		return o, fmt.Errorf("--period: %w", err)
	}
	o.window = reconcile.DefaultWindow(o.period, now)
	if c.Since != "" {
		if o.window.Since, err = parseTime(c.Since); err != nil {
			return o, fmt.Errorf("--since: %w", err)
		}
	}
	if c.Until != "" {
		if o.window.Until, err = parseTime(c.Until); err != nil {
			return o, fmt.Errorf("--until: %w", err)
		}
	}
	if !o.window.Until.IsZero() && !o.window.Until.After(o.window.Since) {
		return o, errors.New("--until must be later than --since")
	}
	switch {
	case key != "": // a real key is never sent to an address that was given
		o.stripe = stripecharge.Options{Key: key}
	case c.StripeURL != "":
		o.stripe = stripecharge.Options{Key: stripecharge.SimulatorKey, URL: c.StripeURL}
	default:
		return o, errors.New("no Stripe: set STRIPE_SECRET_KEY to a test mode key (sk_test_…), " +
			"or give --stripe-url for a simulator")
	}
	return o, nil
}

// parseTime reads a time, or the beginning of a day in UTC.
func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q: want a time such as 2026-12-01T00:00:00Z, or a date", s)
}

// reconcile does the work and prints what came of it; ok says whether all is right.
func (o options) reconcile(ctx context.Context, out io.Writer) (ok bool, err error) {
	stripe, err := stripecharge.New(o.stripe)
	if err != nil {
		return false, err
	}
	defer stripe.Close()
	store, err := ledger.Open(ctx, o.DatabaseURL, ledger.Options{Recorder: "reconcile"})
	if err != nil {
		return false, err
	}
	defer store.Close()
	job := reconcile.Job{Period: o.period, Window: o.window, Apply: o.Apply}
	if !o.JSON {
		job.Found = func(r reconcile.Report) { found(out, r, o.Apply) }
		job.Done = func(d reconcile.Done) { fmt.Fprintln(out, d) }
	}
	outcome, err := reconcile.Reconciler{Ledger: store, Stripe: stripe}.Run(ctx, job)
	switch {
	case !o.JSON:
		closing(out, outcome)
		return outcome.OK, err
	case err != nil && len(outcome.Done) == 0:
		return false, err
	}
	// Also of a run that was interrupted: it says what was done, and that not all is right.
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return outcome.OK, errors.Join(err, e.Encode(outcome))
}

// found prints what was found, and what is going to be done about it.
func found(out io.Writer, r reconcile.Report, apply bool) {
	r.Text(out)
	switch todo := r.ToDo(); {
	case todo == "" && r.OK():
		fmt.Fprintln(out, "Nothing to do.")
	case todo == "":
		fmt.Fprintln(out, "There is nothing that --apply could do about it.")
	case apply:
		fmt.Fprintf(out, "\nApplying: %s.\n", todo)
	default:
		fmt.Fprintf(out, "To do: %s.\nNothing was changed; --apply does it.\n", todo)
	}
}

// closing prints how it is after something was done.
func closing(out io.Writer, o reconcile.Outcome) {
	if o.Now == nil {
		return
	}
	fmt.Fprintln(out, "\nLooked again.")
	o.Now.Text(out)
}
