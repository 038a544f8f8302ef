package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/cli"
	"example.com/triplecharge/internal/report"
	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/screen"
)

// deployment has the flags that describe servers that are up already.
type deployment struct {
	Mode          modeFlag      `required:"" env:"MODE" placeholder:"MODE" help:"Mode that the servers run: ${modes}."`
	Servers       []string      `required:"" env:"SERVERS" url:"http,https" placeholder:"URL" help:"URLs of the servers, such as http://server-a:8080. WORKER_TOKEN in the environment must be their token."`
	Subscriptions string        `placeholder:"FILE.csv" help:"Subscriptions to bill instead of Alice, Bob and Carol."`
	At            dueTime       `default:"2026-12-01T00:00:00Z" help:"Logical due time; its month is billed."`
	Wait          time.Duration `help:"How long the servers may take to start."`
	DatabaseURL   string        `name:"database-url" required:"" env:"DATABASE_URL" url:"postgres,postgresql" placeholder:"URL" help:"Postgres with the servers' ledger."`
	StripeURL     string        `name:"stripe-url" env:"STRIPE_URL" url:"http,https" placeholder:"URL" help:"Stripe simulator that the servers use, unless STRIPE_SECRET_KEY in the environment is their key for Stripe itself."`
}

// deployed reads the subscriptions and the environment.
func (c deployment) deployed() (d scenario.Deployed, err error) {
	key, realStripe, err := stripeKey()
	if err != nil {
		return d, err
	}
	token, err := cli.Token("WORKER_TOKEN")
	if err != nil {
		return d, err
	}
	subscriptions, err := readSubscriptions(c.Subscriptions)
	d = scenario.Deployed{
		Mode: c.Mode.Name, Servers: c.Servers, Token: token,
		DatabaseURL: c.DatabaseURL, StripeURL: c.StripeURL, StripeKey: key,
		Subscriptions: subscriptions, At: c.At.Time, Wait: c.Wait,
	}
	if realStripe {
		d.StripeURL = ""
	}
	return d, err
}

// audit fires servers that are up already. The compose file runs it.
type audit struct {
	deployment
	JSON bool   `name:"json" help:"Print the result as JSON."`
	Page string `url:"http,https" placeholder:"URL" help:"The dashboard's address, to print at the end."`
}

// Run fires the servers and prints the verdict.
func (c audit) Run(ctx context.Context, o output) error {
	d, err := c.deployed()
	if err != nil {
		return err
	}
	result, err := d.Audit(ctx)
	if err != nil {
		return err
	}
	results := []scenario.Result{result}
	if c.JSON {
		return cmp.Or(report.JSON(o.out, document(results)), brokenPromises(results))
	}
	p := print{o.out, names(d.Subscriptions)}
	p.result(c.Mode.Mode, result)
	p.lesson(results)
	if c.Page != "" {
		command := "MODE=" + c.next() + " docker compose up"
		fmt.Fprintf(o.out, "\nSee %s; then %s\n", c.Page,
			strings.ReplaceAll(command, " ", screen.Space))
	}
	return brokenPromises(results)
}

// next returns the mode to look at next: the lock after the first of the table, then its last.
func (c audit) next() string {
	modes := billing.Modes()
	first, last := modes[0], modes[len(modes)-1]
	switch c.Mode.Name {
	case first.Name:
		safe := func(m billing.Mode) bool { return m.Lock == billing.SafeLock }
		return modes[slices.IndexFunc(modes, safe)].Name
	case last.Name:
		return first.Name
	}
	return last.Name
}
