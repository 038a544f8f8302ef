// Package command is the command line of cmd/reconcile. cmd/demo runs the same code in a child
// process, for the walkthrough.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/cli"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/report"
	"example.com/triplecharge/ledger"
)

// stripeFlags say which Stripe it is.
type stripeFlags struct {
	StripeURL string `name:"stripe-url" env:"RECONCILE_STRIPE_URL,STRIPE_URL" url:"http,https" placeholder:"URL" help:"Stripe simulator. Used unless STRIPE_SECRET_KEY holds a test-mode key for Stripe itself."`
	options   stripecharge.Options
}

// commands are the command line.
type commands struct {
	Compare  compareCLI  `cmd:"" default:"withargs" help:"Compare Stripe with the ledger for a month, invoice by invoice, and put right what is wrong (the default)."`
	Suspects suspectsCLI `cmd:"" help:"Find double charges in any Stripe account."`
	Refund   refundCLI   `cmd:"" help:"Give back what suspects found."`
	Settle   settleCLI   `cmd:"" help:"Record what was given back outside of Stripe."`
}

// compareCLI is reconcile compare. Each flag but --apply and --record can also come from the
// environment.
type compareCLI struct {
	Period      string `required:"" placeholder:"MONTH" help:"Billing period, such as 2026-12."`
	DatabaseURL string `name:"database-url" required:"" env:"RECONCILE_DATABASE_URL,DATABASE_URL" url:"postgres,postgresql" placeholder:"URL" help:"Postgres with the ledger."`
	stripeFlags
	Since  string `placeholder:"TIME" help:"List PaymentIntents created at or after this time: RFC 3339, or a date (UTC). Default: a week before the month begins, or a week ago if it has not begun."`
	Until  string `placeholder:"TIME" help:"List PaymentIntents created before this time. Default: no end."`
	Apply  bool   `env:"-" xor:"do" help:"Record, refund and cancel. Without this flag or --record, nothing is changed."`
	Record bool   `env:"-" xor:"do" help:"Only record what is missing in the ledger; refund and cancel nothing."`
	JSON   bool   `name:"json" help:"Print the outcome as JSON; package internal/reconcile describes it."`
	period billing.Period
	window reconcile.Window
}

// Help is printed by reconcile compare --help.
func (c *compareCLI) Help() string { return compareHelp }

const compareHelp = `It is safe to interrupt it, to run it again, and to run it beside a due ` +
	`run. Of several that change something, one runs at a time. Don't refund the same invoices ` +
	`by hand meanwhile.

The verdicts: right; unrecorded (a charge or refund has no ledger entry); overcharged (more than ` +
	`one charge has the customer's money); unbilled (due and not charged); not looked for ` +
	`(the same, but --since or --until left something out); pending (claimed, or ` +
	`not decided at Stripe); recorded but not at Stripe; in doubt (a person must decide).

With --apply it records what is missing, refunds all but the earliest charge, and cancels ` +
	`PaymentIntents that nothing will ever confirm. After a restore it also records the ` +
	`claims that the ledger has forgotten, and lets servers charge again. With --record it ` +
	`changes the ledger only. It never charges a card.

The exit status is 0 if all invoices are right (at the end; a PaymentIntent left to cancel does ` +
	`not count), 1 if not or after an error, 2 for a wrong command line or if ` +
	`there is no ledger, 130 after Ctrl-C.`

// Main runs the command and returns its exit status.
func Main(args []string, stdout, stderr io.Writer) int {
	// A live key is refused before anything else, even before --help.
	key, err := cli.Secret(cli.StripeKey)
	if err == nil && key != "" {
		err = stripecharge.CheckKey(key)
	}
	if err != nil {
		fmt.Fprintln(stderr, "reconcile:", err)
		return 2
	}
	return program().Main(args, stdout, stderr, &commands{},
		func(ctx context.Context, chosen any, out io.Writer) error {
			c := chosen.(subcommand)
			if err := c.check(key, time.Now()); err != nil {
				return cli.Usage(err)
			}
			ok, err := c.run(ctx, out, stderr)
			switch {
			case errors.Is(err, ledger.ErrNoLedger):
				return cli.Usage(fmt.Errorf(
					"%w; reconcile suspects finds double charges without one", err))
			case err == nil && !ok:
				return cli.ErrSaid
			}
			return err
		})
}

func program() cli.Program {
	return cli.Program{
		Name:        "reconcile",
		Description: "Finds who was charged more than once, and gives it back.",
		Env:         "RECONCILE", Explain: advice, Interrupted: "run it again to continue",
		CheckURL: map[string]func(string) error{"postgres": ledger.CheckURL},
	}
}

// subcommand is what a command line asks for.
type subcommand interface {
	// check finds what the flags' tags don't, so that every mistake is found before anything is
	// opened.
	check(key string, now time.Time) error
	// run does it. ok: nothing is wrong with the payments.
	run(ctx context.Context, stdout, stderr io.Writer) (ok bool, err error)
}

// advice says what to do if Stripe can't be reached. The ledger's errors already say what to do.
func advice(err error) string {
	var request *url.Error
	var op *net.OpError
	if errors.As(err, &request) && errors.As(err, &op) && op.Op == "dial" {
		return ": check that Stripe, or the simulator at --stripe-url, can be reached from here"
	}
	return ""
}

func (c *compareCLI) check(key string, now time.Time) (err error) {
	if c.period, err = billing.ParsePeriod(c.Period); err != nil {
		return fmt.Errorf("--period: %w", err)
	}
	c.window = reconcile.DefaultWindow(c.period, now)
	if c.Since != "" {
		if c.window.Since, err = parseTime(c.Since); err != nil {
			return fmt.Errorf("--since: %w", err)
		}
		c.window.Partial = c.window.Since.After(reconcile.DefaultWindow(c.period, now).Since)
	}
	if c.Until != "" {
		if c.window.Until, err = parseTime(c.Until); err != nil {
			return fmt.Errorf("--until: %w", err)
		}
	}
	if !c.window.Until.IsZero() && !c.window.Until.After(c.window.Since) {
		return errors.New("--until must be later than --since")
	}
	return c.stripeFlags.check(key)
}

func (f *stripeFlags) check(key string) error {
	switch {
	case key != "": // a real key is never sent to --stripe-url
		f.options = stripecharge.Options{Key: key}
	case f.StripeURL != "":
		f.options = stripecharge.Options{Key: stripecharge.SimulatorKey, URL: f.StripeURL}
	default:
		return errors.New("no Stripe: set STRIPE_SECRET_KEY to a test-mode key (sk_test_…), " +
			"or --stripe-url to a simulator")
	}
	return nil
}

// parseTime reads a time, or a date, which stands for the beginning of that day in UTC.
func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q: want a time such as 2026-12-01T00:00:00Z, or a date", s)
}

// open opens both sides. A ledger is never made here, nor brought up to date by a dry run.
func (f stripeFlags) open(
	ctx context.Context, databaseURL, recorder string, readOnly bool,
) (r reconcile.Reconciler, err error) {
	if r.Stripe, err = stripecharge.New(f.options); err != nil {
		return r, err
	}
	r.Ledger, err = ledger.Open(ctx, databaseURL, ledger.Options{
		Recorder: recorder, ReadOnly: readOnly, Existing: true,
	})
	return r, err
}

// run compares, applies if asked to, and prints the result. ok: everything is right.
func (c *compareCLI) run(ctx context.Context, out, log io.Writer) (ok bool, err error) {
	reconciler, err := c.open(ctx, c.DatabaseURL, "reconcile", !c.Apply && !c.Record)
	if err != nil {
		return false, err
	}
	defer reconciler.Ledger.Close()
	job := reconcile.Job{
		Period: c.period, Window: c.window, Apply: c.Apply, Record: c.Record,
		Waits: func() {
			fmt.Fprintln(log, "Another reconcile runs on this ledger: waiting for it.")
		},
	}
	if !c.JSON {
		job.Found = func(r reconcile.Report) { c.found(out, r) }
		job.Done = func(d reconcile.Done) { fmt.Fprintln(out, d) }
	}
	outcome, err := reconciler.Run(ctx, job)
	if len(outcome.First) > 0 {
		fmt.Fprintln(log, "The ledger has forgotten charges. Servers charge from it again once",
			"nothing is left to record of", strings.Join(outcome.First, ", "))
	}
	switch {
	case !c.JSON:
		if outcome.Now != nil {
			fmt.Fprintln(out, "\nAfter applying:")
			outcome.Now.Text(out)
		}
		return outcome.OK, err
	case err != nil && len(outcome.Done) == 0:
		return false, err
	}
	// An interrupted run prints it, too: it says what was done, and "ok" is false.
	return outcome.OK, errors.Join(err, report.JSON(out, outcome))
}

// found prints the first report, and what will be done about it.
func (c *compareCLI) found(out io.Writer, r reconcile.Report) {
	r.Text(out)
	switch todo := r.ToDo(); {
	case todo == "" && r.OK():
		fmt.Fprintln(out, "Nothing to do.")
	case todo == "" && c.Record:
		fmt.Fprintln(out, "Nothing to record.")
	case todo == "":
		fmt.Fprintln(out, "--apply can do nothing about this.")
	case c.Apply || c.Record:
		fmt.Fprintf(out, "\nApplying: %s.\n", todo)
	default:
		fmt.Fprintf(out, "To do: %s.\nNothing was changed. --apply does it; "+
			"--record only records.\n", todo)
	}
}
