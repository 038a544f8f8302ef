package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/cli"
	"example.com/triplecharge/internal/money"
	"example.com/triplecharge/internal/reconcile/suspects"
)

// refundCLI is the command line of reconcile refund.
type refundCLI struct {
	From     string `required:"" placeholder:"FILE" help:"The CSV that reconcile suspects --csv-out wrote, without the lines that you deleted."`
	Commands bool   `env:"-" help:"For a live account: print the Stripe CLI's commands, and execute none."`
	stripeFlags
	lines []suspects.Line
}

// Help is printed by reconcile refund --help.
func (c *refundCLI) Help() string { return refundHelp }

const refundHelp = `Gives back what reconcile suspects has found, in test mode. Delete ` +
	`from its CSV the lines of what is not to be given back, and leave the lines of what is ` +
	`kept (give_back_minor is 0): such a payment is looked at once more before its doubles are ` +
	`refunded. Of an unsure suspect every give_back_minor is 0: to give a payment back, set it ` +
	`to amount_minor less refunded_minor. A payment is refunded whole, under an idempotency key ` +
	`that names it, so that you may interrupt this and run it again. Nothing is refunded beside ` +
	`a refund that is pending or has failed, or a dispute.

The exit status is 0 if all lines are refunded, 1 if one could not be.`

// check reads the whole file, so that no line is refunded if one is wrong.
func (c *refundCLI) check(key string, _ time.Time) error {
	if !c.Commands {
		if err := c.stripeFlags.check(key); err != nil {
			return fmt.Errorf("%w, or --commands for a live account", err)
		}
	}
	file, err := cli.OpenInput(c.From)
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	defer func() { _ = file.Close() }()
	if c.lines, err = suspects.Lines(file); err != nil {
		return fmt.Errorf("--from %s: %w; nothing was refunded", c.From, err)
	}
	return nil
}

func (c *refundCLI) run(ctx context.Context, stdout, log io.Writer) (ok bool, err error) {
	var client *stripecharge.Client
	if !c.Commands {
		if client, err = stripecharge.New(c.options); err != nil {
			return false, err
		}
		defer client.Close()
	}
	undone := 0
	for _, l := range c.lines {
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case l.BackMinor == 0:
		case c.Commands:
			of := "charge"
			if strings.HasPrefix(l.Payment, "pi_") {
				of = "payment_intent"
			}
			fmt.Fprintf(stdout, "stripe post /v1/refunds --live --confirm -d %s=%s "+
				"-d reason=duplicate -i %s\n", of, l.Payment, stripecharge.RefundKey(l.Payment))
		default:
			said, err := refund(ctx, client, l)
			if err != nil {
				undone++
				said := cli.Harmless(fmt.Sprintf("%s: not refunded: %v", l.Payment, err))
				fmt.Fprintln(log, said)
				continue
			}
			fmt.Fprintf(stdout, "%s: %s\n", l.Payment, said)
		}
	}
	return undone == 0, nil
}

// refund refunds a line, if a payment to keep still has the customer's money.
func refund(
	ctx context.Context, client *stripecharge.Client, l suspects.Line,
) (said string, err error) {
	keeps := false
	for _, kept := range l.Kept {
		i, err := client.Intent(ctx, kept.Payment)
		if err != nil {
			return "", err
		}
		keeps = keeps || i.RemainingMinor >= kept.LeftMinor && !i.Disputed
	}
	if !keeps {
		return "", fmt.Errorf("%s, the payment to keep, was refunded or disputed: list again",
			l.Kept[0].Payment)
	}
	i, err := client.Intent(ctx, l.Payment)
	if err != nil {
		return "", err
	}
	if i.AmountMinor != l.AmountMinor || i.Currency != l.Currency {
		return "", fmt.Errorf("the file says %s, and Stripe %s: is it this account's file?",
			money.Amount(l.AmountMinor, l.Currency), money.Amount(i.AmountMinor, i.Currency))
	}
	if i.Disputed {
		return "", errors.New("it is disputed: that money may go back another way")
	}
	for _, r := range i.Refunds {
		switch r.State {
		case stripecharge.RefundPending:
			return "", fmt.Errorf("its refund %s is pending: run again later", r.ID)
		case stripecharge.RefundFailed:
			return "", fmt.Errorf("its refund %s failed: pay the customer another way", r.ID)
		}
	}
	if i.RemainingMinor <= 0 {
		return "refunded already", nil
	}
	r, err := client.Refund(ctx, l.Payment)
	switch {
	case errors.Is(err, stripecharge.ErrNothingLeft):
		return "refunded already", nil
	case err != nil:
		return "", err
	case r.State == stripecharge.RefundFailed:
		return "", fmt.Errorf("its refund %s failed: pay the customer another way", r.ID)
	}
	return fmt.Sprintf("refunded %s (%s)", money.Amount(r.AmountMinor, l.Currency), r.ID), nil
}
