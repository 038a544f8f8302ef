package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/services"
)

// cellID names a cell.
type cellID struct {
	peer  string
	fault faults.Fault
}

// measured has the different results of each cell's runs, as the table shows them.
type measured map[cellID][]string

// measure plays the cells and prints the table.
func (c cli) measure(ctx context.Context, out, log io.Writer) (err error) {
	ids, err := c.cells()
	if err != nil {
		return fmt.Errorf("%w%w", errUsage, err)
	}
	harness, closeHarness, err := openHarness(ctx, c.DatabaseURL, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeHarness()) }()
	results, unplayed := play(ctx, harness, ids, c.Runs, c.Parallel, log)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := printTable(out, ids, results, c.Markdown); err != nil {
		return err
	}
	if len(unplayed) > 0 {
		return fmt.Errorf("%d runs could not be played, such as %w", len(unplayed), unplayed[0])
	}
	return nil
}

// openHarness brings up the Postgres that the cells share. Each cell has its own Redis nodes and
// simulator.
func openHarness(
	ctx context.Context, databaseURL string, log io.Writer,
) (scenario.Harness, func() error, error) {
	self, err := os.Executable()
	if err != nil {
		return scenario.Harness{}, nil, fmt.Errorf("find this program, to start servers: %w", err)
	}
	svc, err := services.Start(ctx, services.Options{
		DatabaseURL: databaseURL, SkipRedis: true,
		Log: func(line string) { fmt.Fprintln(log, line) },
	})
	if err != nil {
		return scenario.Harness{}, nil, err
	}
	return scenario.Harness{Services: svc, Worker: []string{self, workerArg}}, svc.Close, nil
}

// play plays each applicable cell runs times, parallel at a time. A run that can't be played is
// logged and doesn't end the others, unless ctx has ended.
func play(
	ctx context.Context, harness scenario.Harness, ids []cellID, runs, parallel int, log io.Writer,
) (results measured, unplayed []error) {
	var mu sync.Mutex
	results = measured{}
	began := time.Now()
	var group errgroup.Group
	group.SetLimit(parallel)
	for run := range runs {
		for _, id := range ids {
			p, err := peerNamed(id.peer)
			if err != nil || !p.applies(id.fault) {
				continue
			}
			group.Go(func() error {
				if ctx.Err() != nil {
					return nil
				}
				cell, err := p.play(ctx, harness, id.fault)
				if ctx.Err() != nil {
					return nil
				}
				mu.Lock()
				defer mu.Unlock()
				result := outcome(cell, err)
				results.add(id, result)
				if err != nil {
					unplayed = append(unplayed, fmt.Errorf("%s under %w", id.peer, err))
					result += ": " + err.Error()
				}
				fmt.Fprintf(log, "%s: run %d of %s under %s: %s (%s)\n",
					time.Since(began).Round(time.Second), run+1, id.peer, id.fault,
					result, cell.Took.Round(time.Millisecond))
				return nil
			})
		}
	}
	_ = group.Wait() // the errors are in unplayed
	return results, unplayed
}

// outcome returns the table's text for a run.
func outcome(c scenario.Cell, err error) string {
	switch {
	case errors.Is(err, services.ErrNeedsRedisServer):
		return "needs redis-server"
	case err != nil:
		return "not played"
	}
	return faults.Short(c.After, c.Recovered)
}

func (p peer) play(
	ctx context.Context, harness scenario.Harness, f faults.Fault,
) (scenario.Cell, error) {
	harness.Worker = append(harness.Worker[:len(harness.Worker):len(harness.Worker)], p.name)
	harness.ThirdParty = &p.watch
	return harness.Measure(ctx, baseMode().Name, f)
}
