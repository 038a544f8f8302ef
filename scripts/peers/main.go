package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"

	"example.com/triplecharge/internal/faults"
)

// workerArg, as the first argument, makes this process a billing server protected by the peer that
// the second names.
const workerArg = "worker"

// cli is the command line.
type cli struct {
	Peer        []string `placeholder:"PEER" help:"Play only these peers."`
	Fault       []string `placeholder:"FAULT" help:"Play only these faults."`
	Runs        int      `default:"3" help:"Runs per cell."`
	Parallel    int      `default:"6" help:"Cells played at the same time."`
	Markdown    bool     `help:"Print the table as Markdown."`
	DatabaseURL string   `name:"database-url" env:"DATABASE_URL" placeholder:"URL" help:"Use this Postgres instead of starting one."`
}

// errUsage marks an error in the command line.
var errUsage = errors.New("")

func main() {
	if len(os.Args) > 2 && os.Args[1] == workerArg {
		os.Exit(serve(os.Args[2], os.Args[3:]))
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status: 0 if all cells were played, 1 if not, 2 if the command line is
// wrong, 130 after Ctrl-C.
func run(args []string, stdout, stderr io.Writer) int {
	var c cli
	parser, err := kong.New(&c, kong.Name("peers"), kong.Writers(stdout, stderr),
		kong.Description("Plays every fault against widely used ways to do a job once."))
	if err == nil {
		_, err = parser.Parse(args)
	}
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM,
			syscall.SIGHUP)
		defer stop()
		err = c.measure(ctx, stdout, stderr)
		if err != nil && ctx.Err() != nil {
			fmt.Fprintln(stderr, "peers: interrupted; everything it started has ended")
			return 130
		}
		if err != nil && !errors.Is(err, errUsage) {
			fmt.Fprintln(stderr, "peers:", err)
			return 1
		}
	}
	if err != nil {
		fmt.Fprintf(stderr, "peers: %v\nRun with --help for the flags.\n", err)
		return 2
	}
	return 0
}

// cells returns the cells to play, fault by fault.
func (c cli) cells() (ids []cellID, err error) {
	if c.Runs < 1 || c.Parallel < 1 {
		return nil, fmt.Errorf("--runs %d, --parallel %d: want 1 or more", c.Runs, c.Parallel)
	}
	for _, name := range c.Peer {
		if _, err := peerNamed(name); err != nil {
			return nil, fmt.Errorf("--peer: %w", err)
		}
	}
	for _, name := range c.Fault {
		if !slices.Contains(faults.Faults(), faults.Fault(name)) {
			return nil, fmt.Errorf("--fault: no fault is called %q: use one of %v",
				name, faults.Faults())
		}
	}
	for _, f := range faults.Faults() {
		for _, p := range peers() {
			if (len(c.Peer) == 0 || slices.Contains(c.Peer, p.name)) &&
				(len(c.Fault) == 0 || slices.Contains(c.Fault, string(f))) {
				ids = append(ids, cellID{p.name, f})
			}
		}
	}
	return ids, nil
}
