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

	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/verdicts"
)

// cellID names a cell.
type cellID struct {
	peer  string
	fault verdicts.Fault
}

// measured is what came of a cell's runs, each different result once, as the table has it.
type measured map[cellID][]string

// measure plays the cells and prints the table.
func (c cli) measure(ctx context.Context, out, log io.Writer) (err error) {
	ids, err := c.cells()
	if err != nil {
		return fmt.Errorf("%w%w", errUsage, err)
	}
	stage, closeStage, err := openStage(ctx, c.DatabaseURL, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStage()) }()
	results, unplayed := play(ctx, stage, ids, c.Runs, c.Parallel, log)
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

// openStage brings up the Postgres that the cells share. Each has Redis nodes and a simulator of
// its own.
func openStage(
	ctx context.Context, databaseURL string, log io.Writer,
) (scenario.Stage, func() error, error) {
	self, err := os.Executable()
	if err != nil {
		return scenario.Stage{}, nil, fmt.Errorf("find this program, to run it as the servers: %w", err)
	}
	svc, err := services.Start(ctx, services.Options{
		DatabaseURL: databaseURL, SkipRedis: true,
		Log: func(line string) { fmt.Fprintln(log, line) },
	})
	if err != nil {
		return scenario.Stage{}, nil, err
	}
	return scenario.Stage{Services: svc, Worker: []string{self, workerArg}}, svc.Close, nil
}

// play plays each cell that applies so many times, so many at a time. What can't be played says why
// and ends no other, unless ctx has ended.
func play(
	ctx context.Context, stage scenario.Stage, ids []cellID, runs, parallel int, log io.Writer,
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
				cell, err := p.play(ctx, stage, id.fault)
				if ctx.Err() != nil {
					return nil
				}
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					unplayed = append(unplayed, fmt.Errorf("%s under %w", id.peer, err))
				}
				came := outcome(cell, err)
				results.add(id, came)
				fmt.Fprintf(log, "%s: run %d of %s under %s: %s (%s)\n",
					time.Since(began).Round(time.Second), run+1, id.peer, id.fault,
					reason(came, err), cell.Took.Round(time.Millisecond))
				return nil
			})
		}
	}
	_ = group.Wait() // what went wrong is among the unplayed
	return results, unplayed
}

// outcome is what the table says of a run.
func outcome(c scenario.Cell, err error) string {
	switch {
	case errors.Is(err, services.ErrNeedsRedisServer):
		return "needs redis-server"
	case err != nil:
		return "not played"
	}
	return verdicts.Verdict{After: c.After, Recovered: c.Recovered}.Short()
}

// reason is the outcome, and why if there is none.
func reason(came string, err error) string {
	if err == nil {
		return came
	}
	return came + ": " + err.Error()
}

func (p peer) play(
	ctx context.Context, stage scenario.Stage, f verdicts.Fault,
) (scenario.Cell, error) {
	stage.Worker = append(stage.Worker[:len(stage.Worker):len(stage.Worker)], p.name)
	stage.Foreign = &p.watch
	return stage.Measure(ctx, baseMode().Name, f)
}
