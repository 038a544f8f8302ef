// Command stripesim serves Stripe's test mode offline: the part of the API that takes money, and on
// an address of its own the controls that hold a request, lose a reply or set the clock.
//
//	stripesim --listen 127.0.0.1:12111 --admin 127.0.0.1:12112 --latency 250ms
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// flags are what the command can be told. Each can come from the environment as well, as
// STRIPESIM_ and its name.
type flags struct {
	Listen []string `default:"127.0.0.1:12111" placeholder:"[NAME=]ADDRESS" help:"${listen}"`
	Admin  string   `default:"127.0.0.1:12112" placeholder:"ADDRESS" help:"${admin}"`

	Latency     time.Duration `default:"0s" help:"${latency}"`
	Jitter      time.Duration `default:"0s" help:"${jitter}"`
	RateLimit   int           `default:"0" help:"${rate_limit}"`
	SearchLag   time.Duration `default:"0s" help:"${search_lag}"`
	LockTimeout time.Duration `default:"1s" help:"${lock_timeout}"`
	Verbose     bool          `short:"v" help:"Log each request to standard error."`

	Healthcheck string `placeholder:"URL" help:"${healthcheck}"`
}

// help is what --help says about each flag, apart from them because it does not fit into a tag.
func help() kong.Vars {
	return kong.Vars{
		"listen": "API address (127.0.0.1:12111). Repeat it for several: requests are attributed to " +
			"the server NAME whose address they came through. Port 0 picks a free port.",
		"admin": "Control address (127.0.0.1:12112). Beyond loopback only with a token in " +
			"STRIPESIM_ADMIN_TOKEN.",
		"latency":      "How long a request that can take money executes.",
		"jitter":       "Added to the latency, uniformly distributed from zero to this.",
		"rate_limit":   "Requests a second before 429; 0 is no limit. Stripe's test mode has 25.",
		"search_lag":   "How long an object takes to be found by a search.",
		"lock_timeout": "How long a request waits for an object that another works on, before 429.",
		"healthcheck":  "Serve nothing: exit 0 if URL answers 200, else 1.",
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv("STRIPESIM_ADMIN_TOKEN"), os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "stripesim:", err)
		os.Exit(1)
	}
}

// run parses the arguments and serves until the context ends. It is main without the process, for
// the tests.
func run(ctx context.Context, args []string, adminToken string, out, errs io.Writer) error {
	var f flags
	exited := false
	parser, err := kong.New(&f, kong.Name("stripesim"), kong.Writers(out, errs),
		kong.Description("Stripe's test mode, offline and stateful."),
		help(), kong.DefaultEnvars("STRIPESIM"), kong.Exit(func(int) { exited = true }))
	if err != nil {
		return fmt.Errorf("describe the flags: %w", err)
	}
	_, err = parser.Parse(args)
	switch {
	case exited: // --help
		return nil
	case err != nil:
		return fmt.Errorf("%w (see stripesim --help)", err)
	case f.Healthcheck != "":
		return healthcheck(ctx, f.Healthcheck)
	}
	return serve(ctx, &f, adminToken, out, errs)
}
