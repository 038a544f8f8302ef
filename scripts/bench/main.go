package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"example.com/triplecharge/internal/cli"
	"example.com/triplecharge/internal/load"
	"example.com/triplecharge/internal/services"
)

// flags are the command line.
type flags struct {
	Quick    bool     `help:"Use small numbers: takes a minute or two and shows that everything runs, not what it costs."`
	Only     []string `placeholder:"SECTION" help:"Measure only these: lock, quorum, due, river, growth, latency."`
	Rounds   int      `default:"5" help:"Turns per pair."`
	Invoices int      `default:"100000" help:"Invoices per due run."`
	Growth   int      `default:"1000000" help:"Invoices of the longest due run."`
	Docs     string   `placeholder:"FOLDER" help:"Write the table into performance.md in this folder, between its marks, and the plot to performance.svg."`
}

// quickly shrinks the numbers for --quick.
func (f *flags) quickly() {
	if f.Quick {
		f.Rounds, f.Invoices, f.Growth = 2, 2000, 5000
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
	var f flags
	return cli.Program{
		Name:        "bench",
		Description: "Measures the cost of locks and due runs against alternatives.",
	}.Main(args, stdout, stderr, &f, func(ctx context.Context, _ any, out io.Writer) error {
		f.quickly()
		return f.measure(ctx, out, stderr)
	})
}

// bench is one run of all measurements.
type bench struct {
	flags
	services *services.Services
	worker   string // path of the built cmd/worker
	self     string // path of this program, which also plays other workers
	log      io.Writer
	report   report
}

// measure measures section by section and prints the report, also if some sections failed.
func (f flags) measure(ctx context.Context, out, log io.Writer) (err error) {
	b := &bench{flags: f, log: log, report: report{quick: f.Quick}}
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
		if len(f.Only) > 0 && !slices.Contains(f.Only, section.name) {
			continue
		}
		if err := section.measure(ctx); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", section.name, err))
		}
	}
	text := b.report.markdown()
	fmt.Fprint(out, text)
	if f.Docs == "" {
		return failed
	}
	return errors.Join(failed, insert(filepath.Join(f.Docs, "performance.md"), text),
		os.WriteFile(filepath.Join(f.Docs, "performance.svg"), []byte(b.report.svg()), 0o644))
}
