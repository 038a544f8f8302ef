package explore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/money"
)

// Result is the result of an exploration.
type Result struct {
	States     int        // found; states that differ only in the servers' names are one
	Moves      int        // made from them
	Schedules  float64    // from the first state to an end; 0: too many moves to count them
	Violations int        // states in which something is wrong; the search stops at them
	Depth      int        // the most moves that it takes to reach a state
	Shortest   []Schedule // the shortest schedule for each thing that is wrong
	Runs       int        // how often a mode was run from its beginning
	Took       time.Duration
}

// String says how much was searched, and whether something is wrong.
func (r Result) String() string {
	searched := fmt.Sprintf("%s, %s, %s, in %.1f s", money.Count(r.States, "state"),
		money.Count(r.Moves, "move"), r.schedules(), r.Took.Seconds())
	if len(r.Shortest) == 0 {
		return searched + ": nothing is wrong in any."
	}
	return searched + ": something is wrong in " + money.Number(r.Violations) + "."
}

func (r Result) schedules() string {
	if r.Schedules == 0 {
		return "too many schedules to count"
	}
	const exact = 1e15 // below this a float64 is exact, and people can read the number
	if r.Schedules < exact {
		return money.Count(int(r.Schedules), "schedule")
	}
	return fmt.Sprintf("%.1e schedules", r.Schedules)
}

// Progress is how far an exploration has come.
type Progress struct {
	States, Depth, Violations int
	Elapsed                   time.Duration
}

type search struct {
	Options
	histories *histories
	workers   []explorer
	shards    [shards]shard
	result    Result
	began     time.Time
}

// Explore visits every state that can be reached. For each thing that goes wrong it keeps the
// shortest schedule, the same in every run. When ctx ends, it returns ctx's error. progress may be
// nil; it is called from the caller's goroutine.
func Explore(ctx context.Context, o Options, progress func(Progress)) (Result, error) {
	if err := o.Validate(); err != nil {
		return Result{}, err
	}
	s := o.search()
	err := s.run(ctx, progress)
	if err == nil {
		err = s.histories.leases.err()
	}
	if err == nil {
		s.result.Schedules = s.countSchedules()
	}
	s.result.Runs = s.histories.runs()
	s.result.Took = time.Since(s.began)
	return s.result, err
}

// BytesPerState is how much memory a search needs, measured with 200,000 to 20 million states.
const BytesPerState = 250

// Estimate returns how many states a search with more than two faults finds at most, roughly; 0 for
// a smaller one. Each further fault multiplies them by less than the one before, so it makes the
// searches with one and two faults, of a few seconds, and goes on with their ratio.
func (o Options) Estimate(ctx context.Context) (states float64, err error) {
	if o.Faults <= 2 {
		return 0, nil
	}
	few := o
	few.Faults, few.MaxBytes = 1, 0 // 100 MB are enough for both
	one, err := Explore(ctx, few, nil)
	if err != nil {
		return 0, err
	}
	few.Faults = 2
	two, err := Explore(ctx, few, nil)
	growth := float64(two.States) / float64(one.States)
	return float64(two.States) * math.Pow(growth, float64(o.Faults-2)), err
}

func (o Options) search() *search {
	s := &search{Options: o, histories: historiesOf(o.Mode, o.beside()), began: time.Now()}
	for i := range s.shards {
		s.shards[i].places = map[uint64]uint32{}
	}
	n := o.Workers
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	for range n {
		s.workers = append(s.workers, o.explorer(s.histories))
	}
	return s
}

// explorer returns an explorer of what can happen with these options.
func (o Options) explorer(all *histories) explorer {
	rules, _ := o.start()
	told := slices.Contains(o.Only, faults.EventLate)
	return explorer{all, rules, locks()[o.Mode.Lock].nodes, o.late(), told}
}

func (s *search) run(ctx context.Context, progress func(Progress)) error {
	_, first := s.start()
	first.sort()
	var begin successors
	root := uint32(xxhash.Sum64(first.append(nil)) % shards)
	begin.add(&first, move{}, root) // the only state that comes from itself
	s.merge([]successors{begin})
	batch := make([]successors, batchSize)
	for depth := 0; ; depth++ {
		chunks := s.takeFrontier()
		if len(chunks) == 0 {
			return nil
		}
		s.result.Depth = depth
		var wrong []violation
		for len(chunks) > 0 {
			n := min(len(chunks), len(batch))
			s.share(n, func(worker *explorer, i int) { worker.expand(chunks[i], &batch[i]) })
			s.merge(batch[:n])
			for i := range n {
				wrong = append(wrong, batch[i].wrong...)
			}
			chunks = chunks[n:]
			if err := cmp.Or(ctx.Err(), s.tooLarge()); err != nil {
				return err
			}
			if progress != nil {
				progress(Progress{s.result.States, depth, s.result.Violations, time.Since(s.began)})
			}
		}
		s.keep(wrong)
	}
}

// ErrTooLarge means that a search needs more memory than it may use.
var ErrTooLarge = errors.New("the search is too large")

// tooLarge returns ErrTooLarge if three quarters of the memory are in use. The rest is for what
// the next step finds before the garbage collector counts it.
func (s *search) tooLarge() error {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if s.MaxBytes == 0 || live[0].Value.Uint64() < s.MaxBytes/4*3 {
		return nil
	}
	return fmt.Errorf("%w: nothing is known after %d states, %d moves deep", ErrTooLarge,
		s.result.States, s.result.Depth)
}

// share lets the workers do n pieces of work.
func (s *search) share(n int, do func(worker *explorer, piece int)) {
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	var all sync.WaitGroup
	for w := range s.workers {
		all.Go(func() {
			for i := range next {
				do(&s.workers[w], i)
			}
		})
	}
	all.Wait()
}

// merge adds what was found to the shards.
func (s *search) merge(found []successors) {
	var violations [shards]int
	s.share(shards, func(_ *explorer, i int) {
		for f := range found {
			violations[i] += s.shards[i].merge(i, &found[f])
		}
	})
	s.result.States = 0
	for i := range s.shards {
		s.result.Violations += violations[i]
		s.result.States += len(s.shards[i].parents)
	}
	for i := range found {
		s.result.Moves += found[i].moves
	}
}

// keep keeps the first schedule for each thing that is wrong.
func (s *search) keep(wrong []violation) {
	for _, v := range wrong {
		known := func(k Schedule) bool { return k.Wrong == v.word }
		if !slices.ContainsFunc(s.result.Shortest, known) {
			s.result.Shortest = append(s.result.Shortest, s.schedule(v))
		}
	}
}
