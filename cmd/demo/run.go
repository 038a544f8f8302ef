package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/verdicts"
)

// cellRun plays one cell of the matrix, told as a story.
type cellRun struct {
	Mode        string `required:"" placeholder:"MODE" help:"The mode: ${modes}."`
	Fault       string `required:"" placeholder:"FAULT" help:"What goes wrong: ${faults}."`
	SVG         string `name:"svg" placeholder:"FILE" help:"Write the picture of the run there, too."`
	DatabaseURL string `name:"database-url" env:"DATABASE_URL" placeholder:"URL" help:"Use this Postgres instead of starting one."`
}

// Run plays it.
func (r cellRun) Run(ctx context.Context, o output) (err error) {
	mode, err := billing.ModeNamed(r.Mode)
	if err != nil {
		return fmt.Errorf("%w--mode: %w", errUsage, err)
	}
	expected, ok := verdicts.Expected(r.Mode, verdicts.Fault(r.Fault), 3)
	if !ok {
		return fmt.Errorf("%w--fault: no fault is called %q: use one of %s",
			errUsage, r.Fault, faultNames())
	}
	d, err := newDrawing(r.SVG)
	if err != nil {
		return fmt.Errorf("%w%w", errUsage, err)
	}
	defer func() { err = errors.Join(err, d.discard()) }()
	p := print{o.out, map[string]string{"alice": "Alice"}}
	p.heading(mode)
	fmt.Fprintf(o.out, "  %s: %s.\n\n", r.Fault, verdicts.About(verdicts.Fault(r.Fault)))
	if !expected.Applies {
		fmt.Fprintf(o.out, "  n/a: %s.\n", expected.Why)
		return nil // and there is nothing to draw
	}
	stage, closeStage, err := faultStage(ctx, o, r.DatabaseURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStage()) }()
	cell, err := stage.PlayCell(ctx, r.Mode, verdicts.Fault(r.Fault))
	if err != nil {
		return err
	}
	p.cell(cell)
	if err := d.finish(cell); err != nil {
		return err
	}
	if !cell.OK() {
		return errBroken
	}
	return nil
}

// faultStage brings up what cells need: a Postgres that they share. Each has Redis nodes and a
// simulator of its own.
func faultStage(
	ctx context.Context, o output, databaseURL string,
) (scenario.Stage, func() error, error) {
	self, err := os.Executable()
	if err != nil {
		return scenario.Stage{}, nil, fmt.Errorf("find this program, to run it as the servers: %w", err)
	}
	svc, err := services.Start(ctx, services.Options{
		DatabaseURL: databaseURL, SkipRedis: true,
		Log: func(line string) { fmt.Fprintln(o.log, line) },
	})
	if err != nil {
		return scenario.Stage{}, nil, err
	}
	return scenario.Stage{Services: svc, Worker: []string{self, workerArg}}, svc.Close, nil
}

// cell prints what came of a cell.
func (p print) cell(c scenario.Cell) {
	c.Picture.Text(p.out, "Alice")
	fmt.Fprintln(p.out)
	p.accounts(scenario.Result{Accounts: []scenario.Account{c.Account}})
	fmt.Fprintf(p.out, "  After one quiet run more: %s: %s.\n",
		c.Recovered, verdicts.Judge(c.Recovered))
	if c.OK() {
		fmt.Fprintf(p.out, "  As expected: %s.\n", c.Expected.Why)
		return
	}
	fmt.Fprintf(p.out, "  NOT AS EXPECTED: %s, then %s.\n", c.Expected.After, c.Expected.Recovered)
}
