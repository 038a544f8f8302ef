package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/report"
	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/verdict"
)

// show is the main job.
type show struct {
	Mode          []modeFlag    `default:"uncoordinated,locked" help:"Modes to show, one after another: ${modes}."`
	Servers       int           `default:"3" min:"1" max:"30" help:"Servers that fire at midnight."`
	Subscriptions string        `placeholder:"FILE.csv" help:"Subscriptions to bill instead of Alice, Bob and Carol. One per line: id, customer, amount, currency, payment method."`
	At            dueTime       `default:"2026-12-01T00:00:00Z" help:"Logical due time; its month is billed."`
	LockTTL       time.Duration `name:"lock-ttl" default:"5s" min:"50ms" help:"Time after which a lease expires unless it is renewed."`
	Latency       time.Duration `default:"250ms" max:"1h" help:"Latency of the simulated Stripe."`
	DatabaseURL   string        `name:"database-url" env:"DATABASE_URL" url:"postgres,postgresql" placeholder:"URL" help:"Postgres to use instead of starting one. The run has its own schema, which is dropped at the end."`
	RedisURL      string        `name:"redis-url" env:"REDIS_URL" url:"redis,rediss" placeholder:"URL" help:"Redis to use instead of starting one."`
	JSON          bool          `name:"json" help:"Print the result as JSON."`
	Keep          bool          `help:"Keep Postgres, Redis and Stripe running until Ctrl-C, and print their addresses."`
}

// Run plays the modes, one after another.
func (c show) Run(ctx context.Context, o output) (err error) {
	key, realStripe, err := stripeKey()
	if err != nil {
		return err
	}
	subscriptions, err := readSubscriptions(c.Subscriptions)
	if err != nil {
		return err
	}
	harness, err := newHarness(ctx, o, services.Options{
		DatabaseURL: c.DatabaseURL, RedisURL: c.RedisURL,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, harness.Services.Close()) }()
	harness.Latency, harness.Shared = c.Latency, c.RedisURL != ""
	if realStripe {
		harness.StripeKey = key
		fmt.Fprintln(o.log, "Stripe: its real test mode, with the key in STRIPE_SECRET_KEY")
	} else {
		fmt.Fprintf(o.log, "Stripe: the simulator, which takes %v to answer\n", c.Latency)
	}

	p := print{o.out, names(subscriptions)}
	var results []scenario.Result
	for _, mode := range c.Mode {
		result, err := harness.Play(ctx, scenario.Scenario{
			Mode: mode.Name, Servers: c.Servers, Subscriptions: subscriptions,
			At: c.At.Time, LockTTL: c.LockTTL,
		})
		if err != nil {
			return err
		}
		defer result.Close()
		results = append(results, result)
		if !c.JSON {
			p.result(mode.Mode, result)
		}
	}
	if c.JSON {
		err = report.JSON(o.out, document(results))
	} else {
		p.lesson(results)
	}
	if err == nil && c.Keep {
		c.stay(ctx, o, results, harness.Services)
	}
	return cmp.Or(err, brokenPromises(results))
}

// document returns what --json prints: {"runs":[…]}, with a run for each mode.
func document(results []scenario.Result) any {
	type run struct {
		Mode     string              `json:"mode"`
		Fault    string              `json:"fault"`
		Servers  int                 `json:"servers"`
		Expected verdict.Counts      `json:"expected"`
		OK       bool                `json:"ok"`
		Invoices []reconcile.Invoice `json:"invoices"`
		Lock     scenario.Lock       `json:"lock"`
	}
	runs := []run{}
	for _, r := range results {
		runs = append(runs, run{
			r.Mode, string(r.Fault), r.Servers, r.Expected.After, r.OK(), r.Invoices, r.Lock,
		})
	}
	return map[string]any{"runs": runs}
}

// stay keeps the services up until Ctrl-C, and prints their addresses as lines for a second
// terminal. With --json they go to the log, so that a program can read the output.
func (c show) stay(
	ctx context.Context, o output, results []scenario.Result, svc *services.Services,
) {
	out := o.out
	if c.JSON {
		out = o.log
	}
	fmt.Fprintf(out, "\nStill running. For a second terminal:\n\n")
	for _, r := range results {
		fmt.Fprintf(out, "  # %s\n  export DATABASE_URL='%s'\n  export STRIPE_URL='%s'\n", r.Mode,
			printable(services.Portable(r.DatabaseURL), c.DatabaseURL),
			cmp.Or(r.StripeURL, "https://api.stripe.com"))
	}
	fmt.Fprintf(out, "\nRedis is at %s\n\nPress Ctrl-C to stop them.\n",
		printable(svc.RedisURL(), c.RedisURL))
	<-ctx.Done()
}

// printable returns a URL to be printed. The password of a server that was given becomes xxxxx.
func printable(address, given string) string {
	u, err := url.Parse(address)
	if given == "" || err != nil {
		return address
	}
	if u.Query().Has("password") {
		u.RawQuery = ""
	}
	return u.Redacted()
}

// brokenPromises returns an error that names the modes that did not keep their promise, if any.
func brokenPromises(results []scenario.Result) error {
	var broken []string
	for _, r := range results {
		if !r.OK() {
			broken = append(broken, r.Mode)
		}
	}
	if len(broken) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %w", strings.Join(broken, ", "), errBroken)
}
