package faulttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/triplecharge/internal/cli"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/services"
)

// flags are the command line.
type flags struct {
	Peer        []string `placeholder:"NAME" help:"Play only these protections."`
	Fault       []string `placeholder:"FAULT" help:"Play only these faults."`
	Runs        int      `default:"1" min:"1" max:"1000" help:"Runs per cell."`
	Parallel    int      `default:"6" min:"1" max:"100" help:"Cells played at the same time."`
	Markdown    bool     `help:"Print the table as Markdown."`
	DatabaseURL string   `name:"database-url" env:"DATABASE_URL" url:"postgres,postgresql" placeholder:"URL" help:"Use this Postgres instead of starting one."`

	all protectionList
}

// cellID names a cell.
type cellID struct {
	name  string
	fault faults.Fault
}

// measured has the different results of each cell's runs, as the table shows them.
type measured map[cellID][]string

// cells returns the cells to play, fault by fault.
func (c *flags) cells() (ids []cellID, err error) {
	for _, name := range c.Peer {
		if _, err := c.all.named(name); err != nil {
			return nil, fmt.Errorf("--peer: %w", err)
		}
	}
	for _, name := range c.Fault {
		if _, err := faults.Named(faults.Fault(name)); err != nil {
			return nil, fmt.Errorf("--fault: %w", err)
		}
	}
	for _, f := range faults.Faults() {
		for _, p := range c.all {
			if (len(c.Peer) == 0 || slices.Contains(c.Peer, p.Name)) &&
				(len(c.Fault) == 0 || slices.Contains(c.Fault, string(f))) {
				ids = append(ids, cellID{p.Name, f})
			}
		}
	}
	return ids, nil
}

// measure plays the cells and prints the table.
func (c *flags) measure(ctx context.Context, out, log io.Writer) (err error) {
	ids, err := c.cells()
	if err != nil {
		return cli.Usage(err)
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program, to start servers: %w", err)
	}
	// Each cell has its own Redis nodes and simulator. All share the Postgres.
	svc, err := services.Start(ctx, services.Options{
		DatabaseURL: c.DatabaseURL, SkipRedis: true,
		Log: func(line string) { fmt.Fprintln(log, line) },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, svc.Close()) }()
	for n, p := range c.all {
		if p.Service == nil || !slices.ContainsFunc(ids, func(id cellID) bool {
			return id.name == p.Name
		}) {
			continue
		}
		url, stop, err := p.Service(ctx, svc.Adopt)
		if err != nil {
			return err
		}
		defer stop()
		c.all[n].serviceURL = url
	}
	harness := scenario.Harness{Services: svc, Worker: []string{self, workerArg}}
	results, err := c.play(ctx, harness, ids, log)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Join(c.printTable(out, ids, results), err)
}

// play plays each applicable cell. A run that can't be played is logged and doesn't end the others,
// unless ctx has ended. If any invoice is not right in the end, the error is cli.ErrSaid.
func (c *flags) play(
	ctx context.Context, harness scenario.Harness, ids []cellID, log io.Writer,
) (results measured, failed error) {
	var mu sync.Mutex
	results = measured{}
	began := time.Now()
	var group errgroup.Group
	group.SetLimit(c.Parallel)
	for run := range c.Runs {
		for _, id := range ids {
			p, err := c.all.named(id.name)
			if err != nil || !p.applies(id.fault) {
				continue
			}
			group.Go(func() error {
				if ctx.Err() != nil {
					return nil
				}
				cell := p.play(ctx, harness, id.fault)
				if ctx.Err() != nil {
					return nil
				}
				mu.Lock()
				defer mu.Unlock()
				result := outcome(cell)
				results.add(id, result)
				switch {
				case cell.Err != nil:
					result += ": " + cell.Err.Error()
					failed = fmt.Errorf("not every run could be played, such as %s: %w",
						faults.Under(id.name, id.fault), cell.Err)
				case !cell.Recovered.Right() && failed == nil:
					failed = cli.ErrSaid
				}
				fmt.Fprintf(log, "%s: run %d of %s: %s (%s)\n",
					time.Since(began).Round(time.Second), run+1, faults.Under(id.name, id.fault),
					cli.Harmless(result), cell.Took.Round(time.Millisecond))
				return nil
			})
		}
	}
	return results, errors.Join(group.Wait(), failed)
}

// outcome returns the table's text for a run.
func outcome(c scenario.Cell) string {
	switch {
	case c.Needs() != "":
		return "needs " + c.Needs()
	case c.Err != nil:
		return "not played"
	}
	short := faults.Short(c.After, c.Recovered)
	if c.Outlived {
		short += " held"
	}
	return short
}

func (p Protection) play(
	ctx context.Context, harness scenario.Harness, f faults.Fault,
) scenario.Cell {
	harness.Worker = append(slices.Clip(harness.Worker), p.Name+"="+p.serviceURL)
	harness.ThirdParty = p.watch()
	return harness.Measure(ctx, baseMode().Name, f)
}
