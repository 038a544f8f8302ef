package batch_test

import (
	"testing"
	"testing/synctest"
	"time"
)

// With Settle, a batch is as large as there are callers, whatever the one before had.
func TestABatchSettles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEcho()
		e.Linger, e.Settle = 10*time.Second, 2*time.Second
		first := e.do(t.Context(), "0")
		r := e.next(t, "0")
		a, b := e.do(t.Context(), "a"), e.do(t.Context(), "b")
		r.let <- nil
		want(t, nil, first)
		// Two were enough, but one more comes, and then none.
		time.Sleep(time.Second)
		c := e.do(t.Context(), "c")
		time.Sleep(3*time.Second - 1)
		e.wantNone(t)
		time.Sleep(time.Nanosecond)
		e.next(t, "a", "b", "c").let <- nil
		want(t, nil, a, b, c)

		// Calls that keep coming don't hold it up for longer than Linger.
		var all []<-chan error
		for i := range 10 {
			all = append(all, e.do(t.Context(), string(rune('a'+i))))
			e.wantNone(t)
			time.Sleep(time.Second)
		}
		r = e.next(t, "a", "b", "c", "d", "e", "f", "g", "h", "i", "j")
		// One that comes alone after them waits for others no longer than Settle.
		all = append(all, e.do(t.Context(), "z"))
		r.let <- nil
		want(t, nil, all[:10]...)
		e.wantNone(t)
		time.Sleep(2 * time.Second)
		e.next(t, "z").let <- nil
		want(t, nil, all[10])
	})
}
