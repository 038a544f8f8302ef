package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/server"
)

// workerArg, as the first argument, makes this process a billing server in which the second says
// what is in the mode's place.
const workerArg = "worker"

// The limit is what can't be saved: the calls of Stripe alone, with no lock, no ledger and no event,
// made by the same worker in as many processes.
const (
	oneCall  = "one-call"  // charge
	twoCalls = "two-calls" // prepare, then confirm, as exactly-once does
	// riverPrefix is followed by riverOptions.
	riverPrefix = "river/"
)

func serve(what string, args []string) int {
	return server.MainWith(args, os.Stdout, os.Stderr,
		func(c server.Config, m billing.Mode) billing.Mode {
			m.New = func(p billing.Ports) billing.Biller {
				biller, err := billerOf(what, c, p)
				if err != nil {
					fmt.Fprintln(os.Stderr, "bench:", err)
					os.Exit(1)
				}
				return biller
			}
			return m
		})
}

func billerOf(what string, c server.Config, p billing.Ports) (billing.Biller, error) {
	if options, ok := strings.CutPrefix(what, riverPrefix); ok {
		var o riverOptions
		if err := o.parse(options); err != nil {
			return nil, err
		}
		return newRiver(c, p, o)
	}
	client, err := stripecharge.New(stripecharge.Options{
		Key: stripecharge.SimulatorKey, URL: c.StripeURL, Timeout: c.StripeTimeout,
		AtOnce: c.Concurrency,
	})
	return limit{client, what == twoCalls}, err
}

type limit struct {
	stripe *stripecharge.Client
	twice  bool
}

func (l limit) Bill(ctx context.Context, inv billing.Invoice) (billing.Outcome, error) {
	if !l.twice {
		_, err := l.stripe.Charge(ctx, billing.Request{Invoice: inv})
		return billing.Billed, err
	}
	intent, err := l.stripe.Prepare(ctx, billing.Request{Invoice: inv})
	if err == nil {
		_, err = l.stripe.Confirm(ctx, intent, billing.Request{Invoice: inv})
	}
	return billing.Billed, err
}
