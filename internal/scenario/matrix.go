package scenario

import (
	"context"

	"golang.org/x/sync/errgroup"

	"example.com/triplecharge/internal/faults"
)

// CellID names a cell.
type CellID struct {
	Mode  string
	Fault faults.Fault
}

// Matrix plays cells, up to parallel at the same time, and passes each to done when it has ended,
// one call at a time. If a cell can't be played, its Err says why, and the others go on. When ctx
// ends, Matrix starts no further cell, abandons the running ones without calling done, and returns
// ctx's error.
func (h Harness) Matrix(
	ctx context.Context, ids []CellID, parallel int, done func(Cell),
) error {
	var group errgroup.Group
	group.SetLimit(parallel)
	ended := make(chan Cell)
	go func() {
		for _, id := range ids {
			group.Go(func() error {
				if ctx.Err() != nil {
					return nil
				}
				cell, err := h.PlayCell(ctx, id.Mode, id.Fault)
				if ctx.Err() == nil {
					cell.Err = err
					ended <- cell
				}
				return nil
			})
		}
		_ = group.Wait() // the errors are in the cells
		close(ended)
	}()
	for cell := range ended {
		done(cell)
	}
	return ctx.Err()
}
