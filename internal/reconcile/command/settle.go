package command

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"example.com/triplecharge/internal/money"
)

// settleCLI is the command line of reconcile settle.
type settleCLI struct {
	Payment     string `required:"" word:"" placeholder:"pi_…" help:"The PaymentIntent whose money was given back."`
	Note        string `required:"" placeholder:"TEXT" help:"How, and by whom. It is kept in the ledger's entry."`
	DatabaseURL string `name:"database-url" required:"" env:"RECONCILE_DATABASE_URL,DATABASE_URL" url:"postgres,postgresql" placeholder:"URL" help:"Postgres with the ledger."`
	Undo        bool   `env:"-" help:"Take it back: the payment was settled by mistake."`
	stripeFlags
}

// Help is printed by reconcile settle --help.
func (c *settleCLI) Help() string { return settleHelp }

const settleHelp = `Records that a person gave back, outside of Stripe, what is left of a ` +
	`charge: by a bank transfer after a refund failed, or in a dispute. The ledger gets an entry ` +
	`for it, and reconcile neither refunds nor reports the charge again. Nothing is changed at ` +
	`Stripe. A second run adds nothing. With --undo, another entry takes that back.`

func (c *settleCLI) check(key string, _ time.Time) error {
	if strings.TrimSpace(c.Note) == "" {
		return fmt.Errorf("--note %q: want a text", c.Note)
	}
	return c.stripeFlags.check(key)
}

func (c *settleCLI) run(ctx context.Context, stdout, _ io.Writer) (ok bool, err error) {
	r, err := c.open(ctx, c.DatabaseURL, "by hand: "+c.Note, false)
	if err != nil {
		return false, err
	}
	defer r.Ledger.Close()
	minor, currency, err := r.Settle(ctx, c.Payment, c.Undo)
	if err == nil {
		is := "is"
		if c.Undo {
			is = "is no longer"
		}
		fmt.Fprintf(stdout, "%s: %s %s settled by hand.\n", c.Payment,
			money.Amount(minor, currency), is)
	}
	return err == nil, err
}
