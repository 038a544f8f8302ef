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

// measured is what came of a cell's runs, each different result once.
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
	results, err := play(ctx, stage, ids, c.Runs, c.Parallel, log)
	if err != nil {
		return err
	}
	return printTable(out, ids, results, c.Markdown)
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

// play plays each cell that applies so many times, so many cells at a time.
func play(
	ctx context.Context, stage scenario.Stage, ids []cellID, runs, parallel int, log io.Writer,
) (measured, error) {
	var mu sync.Mutex
	results := measured{}
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for run := range runs {
		for _, id := range ids {
			p, err := peerNamed(id.peer)
			if err != nil {
				return nil, err
			}
			if !p.applies(id.fault) {
				continue
			}
			group.Go(func() error {
				cell, err := p.play(ctx, stage, id.fault)
				if err != nil {
					return fmt.Errorf("%s under %w", id.peer, err)
				}
				short := verdicts.Verdict{After: cell.After, Recovered: cell.Recovered}.Short()
				mu.Lock()
				defer mu.Unlock()
				results.add(id, short)
				fmt.Fprintf(log, "%s: run %d of %s under %s: %s (%s)\n",
					time.Since(began).Round(time.Second), run+1, id.peer, id.fault, short,
					cell.Took.Round(time.Millisecond))
				return nil
			})
		}
	}
	return results, group.Wait()
}

func (p peer) play(
	ctx context.Context, stage scenario.Stage, f verdicts.Fault,
) (scenario.Cell, error) {
	stage.Worker = append(stage.Worker[:len(stage.Worker):len(stage.Worker)], p.name)
	stage.Foreign = &p.watch
	return stage.Measure(ctx, baseMode().Name, f)
}
