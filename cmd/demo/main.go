// Command demo shows, on this machine, how three servers charge a customer three times, and what a
// lock does about it. It starts Postgres, Redis, a Stripe simulator and the servers, which are real
// processes and run the same code as cmd/worker.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"

	"github.com/redis/go-redis/v9/logging"

	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/cli"
	"example.com/triplecharge/internal/reconcile/command"
	"example.com/triplecharge/internal/worker"
	"example.com/triplecharge/ledger"
)

// commands are the command line.
type commands struct {
	Show        show        `cmd:"" default:"withargs" help:"Show the triple charge, then the lock (the default)."`
	Run         cellRun     `cmd:"" name:"run" help:"Play one mode against one fault, and show what happened."`
	Serve       serve       `cmd:"" help:"Serve a web page to watch any mode against any fault, step by step."`
	Matrix      matrix      `cmd:"" help:"Play every mode against every fault."`
	Load        largeRun    `cmd:"" name:"load" help:"Bill many invoices and audit both sides."`
	Trial       theirTrial  `cmd:"" help:"Put a billing worker of your own, in any language, on trial: every fault that can be made from outside."`
	Replay      replay      `cmd:"" name:"replay" help:"Show again what run, trial or explore has recorded."`
	Explore     exploration `cmd:"" help:"Search every order in which the servers' calls can interleave."`
	Modes       modesTable  `cmd:"" help:"Print the table of modes."`
	Walkthrough chapters    `cmd:"" help:"Read the chapters in docs/ and run their commands."`
	Site        staticSite  `cmd:"" help:"Write the lesson as a static site: chapters, recorded runs, and the explorer in the browser."`
	Audit       audit       `cmd:"" help:"Trigger servers that are already up, and judge the result (docker compose runs this)."`
	Dashboard   dashboard   `cmd:"" help:"Serve a web page for servers that are already up (docker compose runs this, too)."`
}

func main() { os.Exit(start(os.Args[1:])) }

// start runs the demo, a billing server or, for the walkthrough, reconcile, and returns the exit
// status. One program is all three, so that there is one thing to build.
func start(args []string) int {
	logging.Disable() // go-redis would write to standard error what it also returns
	switch {
	case len(args) > 0 && args[0] == workerArg:
		return worker.Main(args[1:], os.Stdout, os.Stderr)
	case len(args) > 0 && args[0] == reconcileArg:
		return command.Main(args[1:], os.Stdout, os.Stderr)
	}
	return run(args, os.Stdout, os.Stderr)
}

// workerArg, as the first argument, makes this process a billing server.
const workerArg = "worker"

// errBroken means that a mode did not keep its promise. The result has been printed.
var errBroken = errors.New("not what the mode promises")

// run returns the exit status: 0 when the result is what the modes promise, 1 when not or when
// something failed, 2 when the command line can't be used, 130 after Ctrl-C.
func run(args []string, stdout, stderr io.Writer) int {
	return program().Main(args, stdout, stderr, &commands{},
		func(ctx context.Context, chosen any, out io.Writer) error {
			return chosen.(runner).Run(ctx, output{out, cli.Output(stderr), stderr})
		})
}

// runner is a command.
type runner interface {
	Run(ctx context.Context, o output) error
}

// output is where a command writes: results to out, bars to bar and everything else to log. Both go
// to standard error, whose bars are not lines.
type output struct{ out, log, bar io.Writer }

func program() cli.Program {
	return cli.Program{
		Name:        "demo",
		Description: "Three servers run the same billing worker. See what Alice pays.",
		Vars: map[string]string{"modes": modeNames(), "faults": faultNames(),
			"concurrency": strconv.Itoa(worker.DefaultConcurrency)},
		Interrupted: "everything it started has been stopped",
		CheckURL: map[string]func(string) error{
			"postgres": ledger.CheckURL, "redis": worker.CheckRedisURL,
		},
	}
}

// stripeKey returns the key in the environment, or else the simulator's. A live key is an error.
func stripeKey() (key string, real bool, err error) {
	key, err = cli.Secret(cli.StripeKey)
	if key == "" || err != nil {
		return stripecharge.SimulatorKey, false, err
	}
	return key, true, cli.Usage(stripecharge.CheckKey(key))
}
