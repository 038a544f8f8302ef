package scenario

import (
	"context"

	"golang.org/x/sync/errgroup"

	"example.com/triplecharge/internal/verdicts"
)

// CellID names a cell.
type CellID struct {
	Mode  string
	Fault verdicts.Fault
}

// Matrix plays cells, so many at a time, and hands each to done, one after another, as it ends. The
// first that can't be played ends them all.
func (st Stage) Matrix(
	ctx context.Context, ids []CellID, parallel int, done func(Cell),
) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	ended := make(chan Cell)
	go func() {
		for _, id := range ids {
			group.Go(func() error {
				cell, err := st.PlayCell(ctx, id.Mode, id.Fault)
				if err == nil {
					ended <- cell
				}
				return err
			})
		}
		_ = group.Wait() // its error is asked for below
		close(ended)
	}()
	for cell := range ended {
		done(cell)
	}
	return group.Wait()
}
