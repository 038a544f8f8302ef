// Command demo shows, on this machine, how three servers charge a customer three times, and what a
// lock does about it. It brings its own Postgres, Redis and Stripe; the servers are real processes,
// the same that cmd/worker deploys.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/alecthomas/kong"

	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/reconcile/command"
	"example.com/triplecharge/internal/server"
)

// cli is the command line.
type cli struct {
	Show        show        `cmd:"" default:"withargs" help:"Show the triple charge, then the lock (the default)."`
	Run         cellRun     `cmd:"" name:"run" help:"Play one mode against one fault, told as a story."`
	Serve       serve       `cmd:"" help:"Show it on a page: watch any mode against any fault, step by step."`
	Matrix      matrix      `cmd:"" help:"Play every mode against every fault."`
	Load        largeRun    `cmd:"" name:"load" help:"Bill many invoices, with a progress bar, and audit both sides."`
	Explore     exploration `cmd:"" help:"Go through every order in which the servers' calls can interleave."`
	Modes       modesTable  `cmd:"" help:"Print the table of modes."`
	Walkthrough walk        `cmd:"" help:"Read the chapters in docs/, and run their commands."`
	Audit       audit       `cmd:"" help:"Fire servers that are up already, and judge (what docker compose runs)."`
	Dashboard   dashboard   `cmd:"" help:"Show servers that are up already on a page (what docker compose runs, too)."`
}

func main() { os.Exit(program(os.Args[1:])) }

// program is all that this program is. The billing servers are it, too, so that there is one thing
// to build; and reconcile, for the walkthrough.
func program(args []string) int {
	switch {
	case len(args) > 0 && args[0] == workerArg:
		return server.Main(args[1:], os.Stdout, os.Stderr)
	case len(args) > 0 && args[0] == reconcileArg:
		return command.Main(args[1:], os.Stdout, os.Stderr)
	}
	return run(args, os.Stdout, os.Stderr)
}

// workerArg, as the first argument, makes this process a billing server.
const workerArg = "worker"

// errBroken says that a mode did not keep its promise; what happened has been printed.
var errBroken = errors.New("not what the mode promises")

// run returns the exit status: 0 when the result is what the modes promise, 1 when not or when
// something failed, 2 when the command line can't be used, 130 after Ctrl-C.
func run(args []string, stdout, stderr io.Writer) int {
	var c cli
	parser, err := kong.New(&c,
		kong.Name("demo"),
		kong.Description("Three servers run the same billing worker. See what Alice pays."),
		kong.Writers(stdout, stderr),
		kong.Vars{"modes": modeNames(), "faults": faultNames(),
			"concurrency": strconv.Itoa(server.DefaultConcurrency)},
		kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 100}),
	)
	if err != nil {
		fmt.Fprintln(stderr, "demo:", err)
		return 2
	}
	chosen, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "demo: %v\nRun demo --help for the flags.\n", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM,
		syscall.SIGHUP)
	defer stop()
	chosen.BindTo(ctx, (*context.Context)(nil))
	err = chosen.Run(output{stdout, stderr})
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "demo: interrupted; all that was started is gone")
		return 130
	case errors.Is(err, errUsage):
		fmt.Fprintln(stderr, "demo:", err)
		return 2
	}
	fmt.Fprintln(stderr, "demo:", err)
	return 1
}

// errUsage marks what is wrong with what the demo was given, not with what it did.
var errUsage = errors.New("")

// output is where a command writes: results to out, everything else to log.
type output struct{ out, log io.Writer }

// stripeKey is the key in the environment, or the simulator's. A live key is refused before
// anything starts.
func stripeKey() (key string, real bool, err error) {
	key = os.Getenv("STRIPE_SECRET_KEY")
	if key == "" {
		return stripecharge.SimulatorKey, false, nil
	}
	return key, true, stripecharge.CheckKey(key)
}
