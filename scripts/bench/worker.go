package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/worker"
	"example.com/triplecharge/ledger"
)

// workerArg, as the first argument, makes this process a billing server. The second argument names
// what bills in place of the mode.
const workerArg = "worker"

// The limit makes only the calls to Stripe, without lock, ledger or events, in the same worker and
// as many processes.
const (
	oneCall  = "one-call"  // charge
	twoCalls = "two-calls" // prepare, then confirm, as exactly-once does
	// riverPrefix is followed by riverOptions.
	riverPrefix = "river/"
)

func serve(what string, args []string) int {
	return worker.MainWith(args, os.Stdout, os.Stderr,
		func(c worker.Config, m billing.Mode) billing.Mode {
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

func billerOf(what string, c worker.Config, p billing.Ports) (billing.Biller, error) {
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
	if err != nil {
		return nil, err
	}
	// The audit counts the charges of this ledger.
	store, err := ledger.Open(context.Background(), c.DatabaseURL, ledger.Options{
		Recorder: "bench", ReadOnly: true,
	})
	if err != nil {
		return nil, err
	}
	defer store.Close()
	return limit{client.ForLedger(store.ID()), what == twoCalls}, nil
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
		_, err = l.stripe.Confirm(ctx, intent.ID, billing.Request{Invoice: inv})
	}
	return billing.Billed, err
}
