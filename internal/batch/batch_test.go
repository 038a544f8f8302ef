package batch_test

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

	"example.com/triplecharge/internal/batch"
)

type call = batch.Call[string, string]

// echo is a batcher whose batches the test sees one by one, and ends one by one.
type echo struct {
	batch.Batcher[string, string]
	runs chan run
}

type run struct {
	ctx   context.Context
	given []string
	let   chan error // ends the batch: the error of every call, or nil for its upper case
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

// do starts a call, waits until it can get no further, and returns the channel of its error.
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

// next returns the batch in flight, which must have these calls.
func (e *echo) next(t *testing.T, given ...string) run {
	t.Helper()
	synctest.Wait()
	select {
	case r := <-e.runs:
		if !slices.Equal(r.given, given) {
			t.Errorf("got a batch of %v, want %v", r.given, given)
		}
		return r
	default:
		t.Fatalf("no batch is in flight, want %v", given)
		panic("unreachable")
	}
}

func (e *echo) wantNone(t *testing.T) {
	t.Helper()
	synctest.Wait()
	if len(e.runs) > 0 {
		t.Errorf("a batch of %v is in flight, want none", (<-e.runs).given)
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

// A call runs at once if none is in flight; those that arrive meanwhile share the next batch.
func TestCallsThatArriveMeanwhileShareABatch(t *testing.T) {
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

		// The batcher is idle again.
		last := e.do(t.Context(), "x")
		e.next(t, "x").let <- nil
		want(t, nil, last)
	})
}

// Callers that were answered together come back one by one. The batch waits for them, not for long.
func TestABatchLingersForThoseOfTheBatchBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEcho()
		e.Linger = time.Second
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

		// Only one comes back: it runs when Linger is over, and the next one at once.
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

func TestACallThatRunsAloneHasItsCallersContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEcho()
		type key struct{}
		done := e.do(context.WithValue(t.Context(), key{}, "mine"), "a")
		r := e.next(t, "a")
		if r.ctx.Value(key{}) != "mine" {
			t.Error("the call has another context")
		}
		r.let <- nil
		want(t, nil, done)
	})
}

func TestNoBatchHasTwoCallsOfOneKey(t *testing.T) {
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

func TestABatchHasAtMostMaxSizeCalls(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]func(string) string{
		"with keys":    func(s string) string { return s },
		"without keys": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := newEcho()
				e.MaxSize, e.Key = 2, key
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

func TestMaxInFlightBatchesAreInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEcho()
		e.MaxInFlight, e.Key = 2, nil
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

// Two batches in flight could both have a call of one key.
func TestWithAKeyOneBatchIsInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEcho()
		e.MaxInFlight = 2
		e.do(t.Context(), "a/1")
		r := e.next(t, "a/1")
		e.do(t.Context(), "a/2")
		e.wantNone(t)
		r.let <- nil
		e.next(t, "a/2").let <- nil
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
			t.Error("the batch was canceled though a caller waits")
		}
		r.let <- nil
		want(t, nil, first, stays)
	})
}

func TestABatchIsCanceledWithTheLastOfItsCallers(t *testing.T) {
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
			t.Error("the batch goes on for nobody")
		}
		r.let <- r.ctx.Err()
	})
}

// Its caller was told that nothing happened, so nothing may happen later.
func TestACallGivenUpWhileItWaitedNeverRuns(t *testing.T) {
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

func TestEachCallerGetsItsOwnAnswer(t *testing.T) {
	t.Parallel()
	var made, inFlight atomic.Int64
	g := batch.Batcher[int, int]{MaxSize: 7, MaxInFlight: 2, Linger: time.Millisecond}
	g.Run = func(_ context.Context, calls []*batch.Call[int, int]) {
		if n := inFlight.Add(1); n > 2 || len(calls) > 7 {
			t.Errorf("%d batches in flight, one of %d calls", n, len(calls))
		}
		made.Add(int64(len(calls)))
		for _, c := range calls {
			c.Result = 2 * c.Given
			if c.Given%3 == 0 {
				c.Err = fmt.Errorf("%d", c.Given)
			}
		}
		inFlight.Add(-1)
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
