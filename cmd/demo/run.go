package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/report"
	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/services"
)

// cellRun plays one cell of the matrix and prints it as a story.
type cellRun struct {
	Mode        modeFlag  `required:"" placeholder:"MODE" help:"Mode: ${modes}."`
	Fault       faultFlag `required:"" placeholder:"FAULT" help:"Fault: ${faults}."`
	Webhooks    bool      `help:"Servers take Stripe's events, which come before the next server runs."`
	JSON        bool      `name:"json" help:"Print the result as JSON, as matrix does."`
	SVG         string    `name:"svg" placeholder:"FILE" help:"Also write a picture of the run to this file."`
	Record      string    `placeholder:"FILE" help:"Also record the run in this file, for demo replay."`
	DatabaseURL string    `name:"database-url" env:"DATABASE_URL" url:"postgres,postgresql" placeholder:"URL" help:"Postgres to use instead of starting one."`
}

// Run plays it.
func (r cellRun) Run(ctx context.Context, o output) (err error) {
	row := r.Fault.Row
	row.Webhooks = row.Webhooks || r.Webhooks
	files, discard, err := newFiles("--svg", r.SVG, "--record", r.Record)
	if err != nil {
		return err
	}
	defer discard(&err)
	p := print{o.out, map[string]string{"alice": "Alice"}}
	if r.JSON {
		p.out = io.Discard
	}
	p.heading(r.Mode.Mode)
	fmt.Fprintf(p.out, "  %s: %s\n", row.Fault, row.Text)
	if r.Webhooks {
		fmt.Fprintln(p.out, "  Stripe's events come before the next server runs.")
	}
	fmt.Fprintln(p.out)
	if expected := row.Expect(r.Mode.Mode, row.Servers); !expected.Applies {
		fmt.Fprintf(p.out, "  n/a: %s.\n", expected.Why) // and there is nothing to draw
		return r.json(o, scenario.Cell{
			Mode: r.Mode.Name, Fault: row.Fault, Expected: expected,
		})
	}
	harness, err := newHarness(ctx, o,
		services.Options{DatabaseURL: r.DatabaseURL, SkipRedis: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, harness.Services.Close()) }()
	harness.Webhooks = r.Webhooks
	cell, err := harness.PlayCell(ctx, r.Mode.Name, row.Fault)
	if err != nil {
		return err
	}
	p.cell(cell)
	run := told(cell)
	err = errors.Join(r.json(o, cell), files[0].finish(drawing(run)),
		files[1].finish(recordingOf(run)))
	if err != nil {
		return err
	}
	if !cell.OK() {
		return errBroken
	}
	return nil
}

// json prints the cell as JSON, if that is asked for.
func (r cellRun) json(o output, c scenario.Cell) error {
	if !r.JSON {
		return nil
	}
	return report.Matrix{reported(c)}.JSON(o.out)
}

// newHarness starts the services, and makes this program the servers. The caller closes the
// services.
func newHarness(
	ctx context.Context, o output, options services.Options,
) (h scenario.Harness, err error) {
	self, err := os.Executable()
	if err != nil {
		return h, fmt.Errorf("find this program, to run it as the servers: %w", err)
	}
	options.Log = func(line string) { fmt.Fprintln(o.log, line) }
	h.Worker = []string{self, workerArg}
	h.Services, err = services.Start(ctx, options)
	return h, err
}

// cell prints the result of a cell.
func (p print) cell(c scenario.Cell) {
	c.Picture.Text(p.out, "Alice")
	fmt.Fprintln(p.out)
	p.accounts([]reconcile.Invoice{c.Invoice})
	fmt.Fprintf(p.out, "  %s\n", recovered(c))
	p.judged(c.Mode, c.Expected, c.OK(), ": "+c.Expected.Why+".",
		fmt.Sprintf("%s, then %s.", c.Expected.After, c.Expected.Recovered))
}

// judged prints whether a result is as expected: met follows if it is, missed if it is not.
func (p print) judged(mode string, e faults.Expectation, ok bool, met, missed string) {
	switch {
	case !e.Known:
		fmt.Fprintln(p.out, "  "+faults.NoExpectation(mode))
	case ok:
		fmt.Fprintln(p.out, "  As expected"+met)
	default:
		fmt.Fprintln(p.out, "  NOT AS EXPECTED: "+missed)
	}
}
