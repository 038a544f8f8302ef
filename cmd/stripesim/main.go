// Command stripesim serves Stripe's test mode offline: the part of the API that takes money and, on
// a separate address, the controls that hold a request, lose a reply or set the clock.
//
//	stripesim --listen 127.0.0.1:12111 --admin 127.0.0.1:12112 --latency 250ms
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"example.com/triplecharge/internal/cli"
	"example.com/triplecharge/internal/stripesim"
)

// flags are the command line. Each can also be set in the environment, as STRIPESIM_ and its name.
type flags struct {
	Listen []string `default:"127.0.0.1:12111" placeholder:"[NAME=]ADDRESS" address:"" help:"${listen}"`
	Admin  string   `default:"127.0.0.1:12112" placeholder:"ADDRESS" address:"" help:"${admin}"`

	Latency     time.Duration `default:"0s" max:"1h" help:"${latency}"`
	Jitter      time.Duration `default:"0s" max:"1h" help:"${jitter}"`
	RateLimit   rateLimit     `name:"rate-limit" default:"0" placeholder:"N|sandbox|live" help:"${rate_limit}"`
	SearchLag   time.Duration `name:"search-lag" default:"0s" help:"${search_lag}"`
	LockTimeout time.Duration `name:"lock-timeout" default:"1s" help:"${lock_timeout}"`
	Log         bool          `short:"v" aliases:"verbose" help:"${log}"`

	Healthcheck string `placeholder:"URL" url:"http,https" help:"${healthcheck}"`
	Endpoints   bool   `help:"Serve nothing: print a Markdown table of what is simulated."`
}

// rateLimit is requests a second, in all and of each endpoint; zero means no limit.
type rateLimit struct{ inAll, each int }

// UnmarshalText reads a number, or the name of one of Stripe's own limits.
// (https://docs.stripe.com/rate-limits)
func (r *rateLimit) UnmarshalText(text []byte) error {
	switch string(text) {
	case "sandbox":
		*r = rateLimit{inAll: 25}
		return nil
	case "live":
		*r = rateLimit{inAll: 100, each: 25}
		return nil
	}
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 0 {
		return fmt.Errorf("%q: want a number of requests a second, sandbox or live", text)
	}
	*r = rateLimit{inAll: n}
	return nil
}

// help has the help texts that do not fit into a tag.
func help() map[string]string {
	return map[string]string{
		"listen": "API address (127.0.0.1:12111). Repeat it for several: requests through an " +
			"address are attributed to its server NAME. Port 0 picks a free port.",
		"admin": "Control address (127.0.0.1:12112). Outside loopback it needs a token in " +
			"STRIPESIM_ADMIN_TOKEN.",
		"latency": "How long a request that can take money executes.",
		"jitter":  "Maximum random extra latency.",
		"rate_limit": "Requests a second before 429; 0: no limit. sandbox: 25, as in Stripe's " +
			"test mode; live: 100 in all and 25 of each endpoint.",
		"log":          "Log each request to standard error.",
		"search_lag":   "How long until a search finds a new or changed object.",
		"lock_timeout": "How long a request waits for an object in use; after that, it gets a 429.",
		"healthcheck":  "Serve nothing: exit 0 if URL answers 200, else 1.",
	}
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, out, errs io.Writer) int {
	var f flags
	return program().Main(args, out, errs, &f,
		func(ctx context.Context, _ any, out io.Writer) error {
			switch {
			case f.Endpoints:
				_, err := io.WriteString(out, stripesim.Endpoints())
				return err
			case f.Healthcheck != "":
				return healthcheck(ctx, f.Healthcheck)
			}
			token, err := cli.Token("STRIPESIM_ADMIN_TOKEN")
			if err != nil {
				return err
			}
			return serve(ctx, &f, token, out, errs)
		})
}

func program() cli.Program {
	return cli.Program{
		Name: "stripesim", Description: "Stripe's test mode, offline and stateful.",
		Env: "STRIPESIM", Vars: help(), Version: ", Stripe API " + stripesim.APIVersion,
	}
}
