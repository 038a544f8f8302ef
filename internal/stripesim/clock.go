package stripesim

import (
	"sync/atomic"
	"time"
)

// clock is the simulator's time: a ticking base, and an offset that the control API sets.
type clock struct {
	base   func() time.Time
	offset atomic.Int64 // nanoseconds
}

func (c *clock) now() time.Time {
	return c.base().Add(time.Duration(c.offset.Load()))
}

// unix returns the time as Stripe writes it, in whole seconds.
func (c *clock) unix() int64 {
	return c.now().Unix()
}

func (c *clock) set(to time.Time) {
	c.offset.Store(int64(to.Sub(c.base())))
}
