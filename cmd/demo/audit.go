package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/scenario"
)

// deployment is servers that are up already.
type deployment struct {
	Mode          string    `required:"" env:"MODE" placeholder:"MODE" help:"The mode that the servers run: ${modes}."`
	Servers       []string  `required:"" env:"SERVERS" placeholder:"URL" help:"The servers, such as http://server-a:8080; WORKER_TOKEN in the environment is their token."`
	Subscriptions string    `placeholder:"FILE.csv" help:"Bill these instead of Alice, Bob and Carol."`
	At            time.Time `default:"2026-12-01T00:00:00Z" placeholder:"TIME" help:"The logical due time; its month is billed."`
	DatabaseURL   string    `name:"database-url" required:"" env:"DATABASE_URL" placeholder:"URL" help:"The servers' ledger."`
	StripeURL     string    `name:"stripe-url" env:"STRIPE_URL" placeholder:"URL" help:"The servers' Stripe, if it isn't the real one; with STRIPE_SECRET_KEY in the environment it is."`
}

// deployed checks what was given.
func (c deployment) deployed() (d scenario.Deployed, mode billing.Mode, err error) {
	key, realStripe, err := stripeKey()
	if err != nil {
		return d, mode, err
	}
	if mode, err = billing.ModeNamed(c.Mode); err != nil {
		return d, mode, fmt.Errorf("%w--mode: %w", errUsage, err)
	}
	subscriptions, err := readSubscriptions(c.Subscriptions)
	if err != nil {
		return d, mode, fmt.Errorf("%w%w", errUsage, err)
	}
	d = scenario.Deployed{
		Mode: c.Mode, Servers: c.Servers, Token: os.Getenv("WORKER_TOKEN"),
		DatabaseURL: c.DatabaseURL, StripeURL: c.StripeURL, StripeKey: key,
		Subscriptions: subscriptions, At: c.At.UTC(),
	}
	if realStripe {
		d.StripeURL = ""
	}
	return d, mode, nil
}

// audit is what the compose file runs: midnight on servers that are up already.
type audit struct{ deployment }

// Run fires the servers and prints the verdict.
func (c audit) Run(ctx context.Context, o output) error {
	d, mode, err := c.deployed()
	if err != nil {
		return err
	}
	result, err := d.Audit(ctx)
	if err != nil {
		return err
	}
	p := print{o.out, names(d.Subscriptions)}
	p.heading(mode)
	p.accounts(result)
	p.promise(result)
	return verdict([]scenario.Result{result})
}
