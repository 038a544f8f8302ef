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
	Quick    bool     `help:"Small numbers, in a minute or two: it shows that everything runs, not what it costs."`
	Only     []string `placeholder:"SECTION" help:"Only these: lock, quorum, due, river, growth, latency."`
	Rounds   int      `default:"5" help:"How often each pair takes turns."`
	Invoices int      `default:"100000" help:"How many invoices a due run has."`
	Growth   int      `default:"1000000" help:"How many the longest one has."`
	Docs     string   `placeholder:"FOLDER" help:"Put the table into performance.md there, between its marks, and the plot beside it as performance.svg."`
}

// quickly is what --quick makes of the numbers.
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

// run returns the exit status: 0 when everything was measured, whether or not a goal is met.
func run(args []string, stdout, stderr io.Writer) int {
	var c cli
	parser, err := kong.New(&c, kong.Name("bench"), kong.Writers(stdout, stderr),
		kong.Description("What locks and due runs cost, beside what they are measured against."))
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

// bench is one measurement.
type bench struct {
	cli
	services *services.Services
	worker   string // the worker that would be deployed, built
	self     string // this program, which becomes other workers
	log      io.Writer
	report   report
}

// measure measures section after section, and prints the report. The error is what failed.
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
	var failed error // what could be measured is reported all the same
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
