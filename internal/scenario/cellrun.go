package scenario

import (
	"context"
	"errors"
	"fmt"

	"example.com/triplecharge/internal/faults"
)

// CellRun is one mode under one fault, to be watched and inspected: its invoices can be read while
// it is played and afterwards, and reconciled. Play may be called once; the other methods may be
// called at the same time, from several goroutines.
type CellRun struct {
	*bothSides
	play *play
}

// Begin brings a cell to the moment before midnight. Unlike PlayCell's, the cell has no recovery
// run, and its charges and entries stay until it is closed. After an error there is nothing to
// close.
func (h Harness) Begin(ctx context.Context, mode string, f faults.Fault) (*CellRun, error) {
	expected, err := h.expected(mode, f)
	if err != nil {
		return nil, err
	}
	if !expected.Applies {
		return nil, fmt.Errorf("%s can't be played: %s", faults.Under(mode, f), expected.Why)
	}
	p, err := h.beginCell(ctx, mode, f)
	l := &CellRun{&p.sides, p}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", faults.Under(mode, f), err), l.Close())
	}
	return l, nil
}

// Play plays the fault and stops the servers. All events are passed to Harness.Tell before it
// returns.
func (l *CellRun) Play(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, cellLimit,
		fmt.Errorf("the scenario did not end within %v", cellLimit))
	defer cancel()
	p := l.play
	defer p.stopServers()
	err := p.act(ctx)
	if err == nil {
		err = p.awaitCharges(ctx)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", faults.Under(p.Mode, p.Fault), err)
	}
	return nil
}

// Close stops what still runs and deletes the run's charges and entries.
func (l *CellRun) Close() error {
	l.play.end()
	if l.play.database == "" {
		return nil
	}
	return l.play.Services.DropDatabase(context.Background(), l.play.database)
}
