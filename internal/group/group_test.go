package group_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/triplecharge/internal/group"
)

type call = group.Call[string, string]

// echo is a group whose runs are told one by one, each waiting to be let go.
type echo struct {
	group.Group[string, string]
	runs chan run
}

type run struct {
	ctx   context.Context
	given []string
	let   chan error // what every call of the run comes to; nil: its own upper case
}

func newEcho() *echo {
	e := &echo{runs: make(chan run, 100)}
	e.Key = func(s string) string { key, _, _ := strings.Cut(s, "/"); return key }
	e.Run = func(ctx context.Context, calls []*call) {
		r := run{ctx: ctx, let: make(chan error)}
		for _, c := range calls {
			r.given = append(r.given, c.Given)
		}
		e.runs <- r
		err := <-r.let
		for _, c := range calls {
			c.Result, c.Err = strings.ToUpper(c.Given), err
		}
	}
	return e
}

// do makes a call and, once that is where it can get, returns what it will come to.
func (e *echo) do(ctx context.Context, given string) <-chan error {
	done := make(chan error, 1)
	go func() {
		result, err := e.Do(ctx, given)
		if err == nil && result != strings.ToUpper(given) {
			err = fmt.Errorf("got %q for %q", result, given)
		}
		done <- err
	}()
	synctest.Wait()
	return done
}

// next returns the run that is under way, and wants it to be of these.
func (e *echo) next(t *testing.T, given ...string) run {
	t.Helper()
	synctest.Wait()
	select {
	case r := <-e.runs:
		if !slices.Equal(r.given, given) {
			t.Errorf("got a run of %v, want %v", r.given, given)
		}
		return r
	default:
		t.Fatalf("no run is under way, want one of %v", given)
		panic("unreachable")
	}
}

func (e *echo) wantNone(t *testing.T) {
	t.Helper()
	synctest.Wait()
	if len(e.runs) > 0 {
		t.Errorf("a run of %v is under way, want none", (<-e.runs).given)
	}
}

func want(t *testing.T, wanted error, done ...<-chan error) {
	t.Helper()
	for i, d := range done {
		synctest.Wait()
		select {
		case err := <-d:
			if !errors.Is(err, wanted) {
				t.Errorf("call %d of %d: got %v, want %v", i+1, len(done), err, wanted)
			}
		default:
			t.Errorf("call %d of %d has not returned", i+1, len(done))
		}
	}
}

// Both, that nobody waits for company and that those who come meanwhile share the next run.
func TestCallsThatComeMeanwhileAreMadeTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEcho()
		first := e.do(t.Context(), "m")
		r := e.next(t, "m")
		c, a, b := e.do(t.Context(), "c"), e.do(t.Context(), "a"), e.do(t.Context(), "b")
		e.wantNone(t)
		r.let <- nil
		want(t, nil, first)
		r = e.next(t, "a", "b", "c") // in the order of their keys
		d := e.do(t.Context(), "d")
		r.let <- nil
		want(t, nil, a, b, c)
		e.next(t, "d").let <- nil
		want(t, nil, d)

		// And nothing is left behind of it all.
		last := e.do(t.Context(), "x")
		e.next(t, "x").let <- nil
		want(t, nil, last)
	})
}

// Those who were answered together come back one by one, and are waited for, if not for long.
func TestThoseWhoComeBackWaitForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEcho()
		e.Patience = time.Second
		together := func(given ...string) run {
			first := e.do(t.Context(), "0")
			r := e.next(t, "0")
			for _, g := range given {
				e.do(t.Context(), g)
			}
			r.let <- nil
			want(t, nil, first)
			return e.next(t, given...)
		}
		together("a", "b", "c").let <- nil
		synctest.Wait()

		a, b := e.do(t.Context(), "a"), e.do(t.Context(), "b")
		e.wantNone(t)
		c := e.do(t.Context(), "c")
		e.next(t, "a", "b", "c").let <- nil
		want(t, nil, a, b, c)

		// Only one comes back: it is made when the patience is over, and the next one at once.
		a = e.do(t.Context(), "a")
		time.Sleep(time.Second - 1)
		e.wantNone(t)
		time.Sleep(time.Nanosecond)
		e.next(t, "a").let <- nil
		want(t, nil, a)
		b = e.do(t.Context(), "b")
		e.next(t, "b").let <- nil
		want(t, nil, b)
	})
}

func TestALoneCallHasItsCallersContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEcho()
		type key struct{}
		done := e.do(context.WithValue(t.Context(), key{}, "mine"), "a")
		r := e.next(t, "a")
		if r.ctx.Value(key{}) != "mine" {
			t.Error("the run has another context")
		}
		r.let <- nil
		want(t, nil, done)
	})
}

func TestNoTwoCallsOfOneKeyAreMadeTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEcho()
		first := e.do(t.Context(), "a/0")
		r := e.next(t, "a/0")
		rest := []<-chan error{
			e.do(t.Context(), "b/1"), e.do(t.Context(), "a/1"), e.do(t.Context(), "b/2"),
			e.do(t.Context(), "a/2"), e.do(t.Context(), "a/3"),
		}
		r.let <- nil
		for _, given := range [][]string{{"a/1", "b/1"}, {"a/2", "b/2"}, {"a/3"}} {
			e.next(t, given...).let <- nil
		}
		want(t, nil, append(rest, first)...)
	})
}

func TestNoMoreAreMadeTogetherThanMost(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]func(string) string{
		"with keys":    func(s string) string { return s },
		"without keys": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := newEcho()
				e.Most, e.Key = 2, key
				e.do(t.Context(), "0")
				r := e.next(t, "0")
				for _, given := range []string{"1", "2", "3"} {
					e.do(t.Context(), given)
				}
				r.let <- nil
				e.next(t, "1", "2").let <- nil
				e.next(t, "3").let <- nil
			})
		})
	}
}

func TestAsManyAreUnderWayAsTheWidthSays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEcho()
		e.Width = 2
		e.do(t.Context(), "1")
		e.do(t.Context(), "2")
		one, two := e.next(t, "1"), e.next(t, "2")
		e.do(t.Context(), "3")
		e.wantNone(t)
		one.let <- nil
		e.next(t, "3").let <- nil
		two.let <- nil
	})
}

func TestACallerThatGivesUpFailsNobodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEcho()
		first := e.do(t.Context(), "0")
		r := e.next(t, "0")
		ctx, giveUp := context.WithCancel(t.Context())
		gone := []<-chan error{e.do(ctx, "a"), e.do(ctx, "c")}
		stays := e.do(t.Context(), "b")
		r.let <- nil
		r = e.next(t, "a", "b", "c")
		giveUp()
		want(t, context.Canceled, gone...)
		if r.ctx.Err() != nil {
			t.Error("the run was canceled for one who waits")
		}
		r.let <- nil
		want(t, nil, first, stays)
	})
}

func TestARunEndsWithTheLastOfItsCallers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEcho()
		e.do(t.Context(), "0")
		r := e.next(t, "0")
		ctx, giveUp := context.WithCancel(t.Context())
		both := []<-chan error{e.do(ctx, "a"), e.do(ctx, "b")}
		r.let <- nil
		r = e.next(t, "a", "b")
		giveUp()
		want(t, context.Canceled, both...)
		if r.ctx.Err() == nil {
			t.Error("the run goes on for nobody")
		}
		r.let <- r.ctx.Err()
	})
}

// It says that it did nothing, so it must not do it later.
func TestACallThatWasGivenUpWhileItWaitedIsNeverMade(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEcho()
		e.do(t.Context(), "0")
		r := e.next(t, "0")
		ctx, giveUp := context.WithCancel(t.Context())
		gone := e.do(ctx, "a")
		stays := e.do(t.Context(), "b")
		giveUp()
		want(t, context.Canceled, gone, e.do(ctx, "c"))
		r.let <- nil
		e.next(t, "b").let <- nil
		want(t, nil, stays)
	})
}

func TestEachOfACrowdGetsItsOwnAnswer(t *testing.T) {
	t.Parallel()
	var made, underWay atomic.Int64
	g := group.Group[int, int]{Most: 7, Width: 2, Patience: time.Millisecond}
	g.Run = func(_ context.Context, calls []*group.Call[int, int]) {
		if n := underWay.Add(1); n > 2 || len(calls) > 7 {
			t.Errorf("%d runs under way, one of %d calls", n, len(calls))
		}
		made.Add(int64(len(calls)))
		for _, c := range calls {
			c.Result = 2 * c.Given
			if c.Given%3 == 0 {
				c.Err = fmt.Errorf("%d", c.Given)
			}
		}
		underWay.Add(-1)
	}
	const callers, each = 50, 100
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for j := range each {
				given := i*each + j
				result, err := g.Do(t.Context(), given)
				if given%3 == 0 && (err == nil || err.Error() != fmt.Sprint(given)) ||
					given%3 != 0 && (err != nil || result != 2*given) {
					t.Errorf("%d: got %d, %v", given, result, err)
				}
			}
		})
	}
	all.Wait()
	if n := made.Load(); n != callers*each {
		t.Errorf("%d calls were made, want %d", n, callers*each)
	}
}
