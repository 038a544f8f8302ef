package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/services"
)

// show is the main job.
type show struct {
	Mode          string        `placeholder:"MODE" help:"Show one mode (${modes}) instead of uncoordinated, then locked."`
	Servers       int           `default:"3" help:"How many servers fire at midnight."`
	Subscriptions string        `placeholder:"FILE.csv" help:"Bill these instead of Alice, Bob and Carol: a line each with id, customer, amount, currency, payment method."`
	At            time.Time     `default:"2026-12-01T00:00:00Z" placeholder:"TIME" help:"The logical due time; its month is billed."`
	LockTTL       time.Duration `name:"lock-ttl" default:"5s" help:"How long a lease lasts unless it is renewed."`
	Latency       time.Duration `default:"250ms" help:"How long the simulated Stripe takes to answer."`
	DatabaseURL   string        `name:"database-url" env:"DATABASE_URL" placeholder:"URL" help:"Use this Postgres instead of starting one; in a schema that is dropped at the end."`
	RedisURL      string        `name:"redis-url" env:"REDIS_URL" placeholder:"URL" help:"Use this Redis instead of starting one."`
	JSON          bool          `name:"json" help:"Print the result for a program."`
	Keep          bool          `help:"Leave Postgres, Redis and Stripe up until Ctrl-C, and print their addresses."`
}

// Run plays the modes, one after another.
func (c show) Run(ctx context.Context, o output) (err error) {
	key, realStripe, err := stripeKey()
	if err != nil {
		return err
	}
	modes, subscriptions, err := c.check()
	if err != nil {
		return fmt.Errorf("%w%w", errUsage, err)
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program, to run it as the servers: %w", err)
	}
	say := func(format string, args ...any) { fmt.Fprintf(o.log, format+"\n", args...) }

	svc, err := services.Start(ctx, services.Options{
		DatabaseURL: c.DatabaseURL, RedisURL: c.RedisURL,
		Log: func(line string) { say("%s", line) },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, svc.Close()) }()
	stage := scenario.Stage{
		Services: svc, Worker: []string{self, workerArg}, Latency: c.Latency,
		Shared: c.RedisURL != "",
	}
	if realStripe {
		stage.StripeKey = key
		say("Stripe: its real test mode, with the key in STRIPE_SECRET_KEY")
	} else {
		say("Stripe: the simulator, which takes %v to answer", c.Latency)
	}

	var results []scenario.Result
	for _, mode := range modes {
		result, err := stage.Play(ctx, scenario.Scenario{
			Mode: mode.Name, Servers: c.Servers, Subscriptions: subscriptions,
			At: c.At.UTC(), LockTTL: c.LockTTL,
		})
		if err != nil {
			return err
		}
		defer result.Close()
		results = append(results, result)
		if !c.JSON {
			print{o.out, names(subscriptions)}.result(mode, result)
		}
	}
	if err := c.finish(ctx, o, results, subscriptions, svc); err != nil {
		return err
	}
	return verdict(results)
}

// finish prints what comes after the last mode.
func (c show) finish(
	ctx context.Context, o output, results []scenario.Result,
	subscriptions []billing.Subscription, svc *services.Services,
) error {
	if c.JSON {
		e := json.NewEncoder(o.out)
		e.SetIndent("", "  ")
		if err := e.Encode(document{results}); err != nil {
			return err
		}
	} else {
		print{o.out, names(subscriptions)}.lesson(results)
	}
	if c.Keep {
		c.stay(ctx, o, results, svc)
	}
	return nil
}

// stay leaves the services up until Ctrl-C, and says where they are: with lines that a second
// terminal understands, and nothing in between when a program reads the result.
func (c show) stay(
	ctx context.Context, o output, results []scenario.Result, svc *services.Services,
) {
	out := o.out
	if c.JSON {
		out = o.log
	}
	fmt.Fprintf(out, "\nLeft up, for a second terminal:\n\n")
	for _, r := range results {
		fmt.Fprintf(out, "  export DATABASE_URL='%s' STRIPE_URL='%s' # %s\n", r.DatabaseURL,
			cmp.Or(r.StripeURL, "https://api.stripe.com"), r.Mode)
	}
	fmt.Fprintf(out, "\nRedis is at %s\n\nPress Ctrl-C to stop them.\n", svc.RedisURL())
	<-ctx.Done()
}

func (c show) check() ([]billing.Mode, []billing.Subscription, error) {
	names := []string{"uncoordinated", "locked"}
	if c.Mode != "" {
		names = []string{c.Mode}
	}
	var modes []billing.Mode
	for _, name := range names {
		m, err := billing.ModeNamed(name)
		if err != nil {
			return nil, nil, fmt.Errorf("--mode: %w", err)
		}
		modes = append(modes, m)
	}
	if c.Servers < 1 || c.Servers > maxServers {
		return nil, nil, fmt.Errorf("--servers %d: want 1 to %d", c.Servers, maxServers)
	}
	subscriptions, err := readSubscriptions(c.Subscriptions)
	return modes, subscriptions, err
}

// maxServers is what one machine can start without the start being all there is to see.
const maxServers = 30

// verdict is the exit status' reason.
func verdict(results []scenario.Result) error {
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

func modeNames() string {
	var names []string
	for _, m := range billing.Modes() {
		names = append(names, m.Name)
	}
	return strings.Join(names, ", ")
}
