package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/cli"
	"example.com/triplecharge/internal/reconcile/suspects"
	"example.com/triplecharge/internal/report"
)

// suspectsCLI is the command line of reconcile suspects.
type suspectsCLI struct {
	CSV     string        `name:"csv" placeholder:"FILE" xor:"in" required:"" help:"The Dashboard's export of payments."`
	JSON    string        `name:"json" placeholder:"FILE" xor:"in" required:"" help:"What the Stripe CLI printed for a list of charges, PaymentIntents or events; - for standard input."`
	Stripe  bool          `env:"-" xor:"in" required:"" help:"List all charges of the test-mode account, or of the simulator at --stripe-url."`
	By      []string      `placeholder:"metadata.KEY" help:"Suspect payments with the same values of these keys. Default: those with the same customer, amount and currency."`
	Within  time.Duration `default:"1h" help:"The longest time between two payments of a suspect; 0: any."`
	CSVOut  string        `name:"csv-out" placeholder:"FILE" help:"Write all suspects to a new file as CSV."`
	HTML    string        `name:"html" placeholder:"FILE" help:"Write all suspects to a new file as a page that can be printed."`
	JSONOut bool          `name:"json-out" help:"Print the report as JSON."`
	stripeFlags
	options suspects.Options
}

// Help is printed by reconcile suspects --help.
func (c *suspectsCLI) Help() string { return suspectsHelp }

const suspectsHelp = `It finds payments that look like one payment taken more than once, ` +
	`whatever made them. It reads what Stripe exports, which needs no ` +
	`key, or lists a test-mode account. It changes nothing.

The exit status is 0 if none was found or all are settled, 1 if some are not or after an error, ` +
	`2 for a wrong command line.`

func (c *suspectsCLI) check(key string, _ time.Time) error {
	if c.Stripe {
		if err := c.stripeFlags.check(key); err != nil {
			return err
		}
	}
	c.options.Within = c.Within
	for _, by := range c.By {
		key, ok := strings.CutPrefix(by, "metadata.")
		if !ok || key == "" {
			return fmt.Errorf("--by %q: want metadata.KEY, such as metadata.order_id", by)
		}
		c.options.By = append(c.options.By, key)
	}
	return nil
}

// run prints the suspects. ok: there is nothing to do about any.
func (c *suspectsCLI) run(ctx context.Context, stdout, log io.Writer) (ok bool, err error) {
	err = cli.WithOutputs(func(files []io.Writer) error {
		r, err := c.find(ctx, log)
		if err != nil {
			return err
		}
		ok = !slices.ContainsFunc(r.Suspects, func(s suspects.Suspect) bool {
			return s.Sure != suspects.Settled
		})
		for n, print := range []func(io.Writer) error{r.CSV, r.HTML} {
			if files[n] == nil {
				continue
			}
			if err := print(files[n]); err != nil {
				return err
			}
		}
		if c.JSONOut {
			return report.JSON(stdout, r)
		}
		r.Text(stdout)
		return nil
	}, c.CSVOut, c.HTML)
	return ok, err
}

// find reads the payments twice. What can be read once only is copied to a file first.
func (c *suspectsCLI) find(ctx context.Context, log io.Writer) (r suspects.Report, err error) {
	name, read := c.CSV, suspects.CSV
	if name == "" {
		name, read = c.JSON, suspects.JSON
	}
	file := os.Stdin
	if name != "-" && !c.Stripe {
		if file, err = cli.OpenInput(name); err != nil {
			return r, err
		}
		defer func() { _ = file.Close() }()
	}
	info, err := file.Stat()
	if err != nil || c.Stripe || !info.Mode().IsRegular() {
		spool, err := os.CreateTemp("", "suspects-")
		if err != nil {
			return r, err
		}
		defer func() { _, _ = spool.Close(), os.Remove(spool.Name()) }()
		if err := c.copyTo(ctx, spool, file); err != nil {
			return r, err
		}
		file = spool
	}
	if info, err = file.Stat(); err != nil {
		return r, err
	}
	terminal, ok := log.(*os.File)
	bar := progressbar.NewOptions64(2*info.Size(), progressbar.OptionSetWriter(log),
		progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish(),
		progressbar.OptionThrottle(time.Second/10),
		progressbar.OptionSetVisibility(ok && term.IsTerminal(int(terminal.Fd()))))
	defer func() { _ = bar.Clear() }()
	return c.options.Find(func(do func(suspects.Payment), skip func(string)) error {
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		return read(until{ctx, io.TeeReader(file, bar)})(do, skip)
	})
}

// copyTo copies what is listed from Stripe, or standard input.
func (c *suspectsCLI) copyTo(ctx context.Context, spool io.Writer, stdin *os.File) error {
	if c.Stripe {
		client, err := stripecharge.New(c.stripeFlags.options)
		if err != nil {
			return err
		}
		defer client.Close()
		return client.RawCharges(ctx, spool)
	}
	if info, err := stdin.Stat(); err != nil || info.Mode()&os.ModeDevice != 0 {
		return errors.New("standard input: want a file or a pipe")
	}
	copied := make(chan error, 1)
	go func() { // Ctrl-C must end it, too, if nothing comes
		_, err := io.Copy(spool, until{ctx, stdin})
		copied <- err
	}()
	select {
	case err := <-copied:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// until reads until ctx ends.
type until struct {
	ctx context.Context
	io.Reader
}

func (u until) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.Reader.Read(p)
}
