package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"

	"example.com/triplecharge/internal/load"
	"example.com/triplecharge/internal/services"
)

// cli is the command line.
type cli struct {
	Quick    bool     `help:"Use small numbers: takes a minute or two and shows that everything runs, not what it costs."`
	Only     []string `placeholder:"SECTION" help:"Measure only these: lock, quorum, due, river, growth, latency."`
	Rounds   int      `default:"5" help:"Turns per pair."`
	Invoices int      `default:"100000" help:"Invoices per due run."`
	Growth   int      `default:"1000000" help:"Invoices of the longest due run."`
	Docs     string   `placeholder:"FOLDER" help:"Write the table into performance.md in this folder, between its marks, and the plot to performance.svg."`
}

// quickly shrinks the numbers for --quick.
func (c *cli) quickly() {
	if c.Quick {
		c.Rounds, c.Invoices, c.Growth = 2, 2000, 5000
	}
}

func main() {
	if len(os.Args) > 2 && os.Args[1] == workerArg {
		os.Exit(serve(os.Args[2], os.Args[3:]))
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status: 0 if everything was measured, goals missed or not.
func run(args []string, stdout, stderr io.Writer) int {
	var c cli
	parser, err := kong.New(&c, kong.Name("bench"), kong.Writers(stdout, stderr),
		kong.Description("Measures the cost of locks and due runs against alternatives."))
	if err == nil {
		_, err = parser.Parse(args)
	}
	if err != nil {
		fmt.Fprintf(stderr, "bench: %v\nRun with --help for the flags.\n", err)
		return 2
	}
	c.quickly()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := c.measure(ctx, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}

// bench is one run of all measurements.
type bench struct {
	cli
	services *services.Services
	worker   string // path of the built cmd/worker
	self     string // path of this program, which also plays other workers
	log      io.Writer
	report   report
}

// measure measures section by section and prints the report, also if some sections failed.
func (c cli) measure(ctx context.Context, out, log io.Writer) (err error) {
	b := &bench{cli: c, log: log, report: report{quick: c.Quick}}
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "triplecharge-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	b.worker = filepath.Join(folder, "worker")
	build := exec.CommandContext(ctx, "go", "build", "-o", b.worker,
		"example.com/triplecharge/cmd/worker")
	if text, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the worker: %w: %s", err, text)
	}
	b.services, err = services.Start(ctx, services.Options{
		SharedBuffers: load.SharedBuffers,
		Log:           func(line string) { fmt.Fprintln(log, line) },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.services.Close()) }()
	var failed error
	for _, section := range []struct {
		name    string
		measure func(context.Context) error
	}{
		{"lock", b.lock}, {"quorum", b.quorum}, {"due", b.due}, {"river", b.river},
		{"growth", b.growth}, {"latency", b.latency},
	} {
		if len(c.Only) > 0 && !slices.Contains(c.Only, section.name) {
			continue
		}
		if err := section.measure(ctx); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", section.name, err))
		}
	}
	text := b.report.markdown()
	fmt.Fprint(out, text)
	if c.Docs == "" {
		return failed
	}
	return errors.Join(failed, insert(filepath.Join(c.Docs, "performance.md"), text),
		os.WriteFile(filepath.Join(c.Docs, "performance.svg"), []byte(b.report.svg()), 0o644))
}
