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

// Matrix plays cells, so many at a time, and hands each to done, one after another, as it ends. One
// that can't be played says why in its Err, and the others go on. When ctx ends, Matrix plays no
// further cell, gives up those under way, which are not handed on, and returns ctx's error.
func (st Stage) Matrix(
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
				cell, err := st.PlayCell(ctx, id.Mode, id.Fault)
				if ctx.Err() == nil {
					cell.Err = err
					ended <- cell
				}
				return nil
			})
		}
		_ = group.Wait() // what went wrong is in the cells
		close(ended)
	}()
	for cell := range ended {
		done(cell)
	}
	return ctx.Err()
}
