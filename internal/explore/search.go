package explore

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"example.com/triplecharge/billing"
)

// hashOf is a state's hash, which is never 0.
func hashOf(world []byte) uint64 { return max(xxhash.Sum64(world), 1) }

// Result is what an exploration came to.
type Result struct {
	States     int        // that were found; those that differ only in who is who are one
	Moves      int        // that were made from them
	Schedules  float64    // from the beginning to an end; 0 if there were too many moves to count by
	Violations int        // states in which something is wrong; nothing was looked for beyond them
	Depth      int        // the most moves that it takes to get to a state
	Shortest   []Schedule // the first for each thing that is wrong
	Runs       int        // how often a mode was run from the beginning
	Took       time.Duration
}

// Progress tells how far an exploration is.
type Progress struct {
	States, Depth, Violations int
	Elapsed                   time.Duration
}

// search is an exploration under way.
type search struct {
	Options
	histories *histories
	workers   []explorer
	shards    [shards]shard
	result    Result
	began     time.Time
}

// Explore goes through all that can happen. Of several violations of a kind, the shortest schedule
// is kept, the same in every run. It ends early with the context's error when that ends. Progress,
// if not nil, is called from the caller's goroutine.
func Explore(ctx context.Context, o Options, progress func(Progress)) (Result, error) {
	if err := o.Validate(); err != nil {
		return Result{}, err
	}
	s := o.search()
	err := s.run(ctx, progress)
	if err == nil {
		s.result.Schedules = s.countSchedules()
	}
	s.result.Runs = len(s.histories.points)
	s.result.Took = time.Since(s.began)
	return s.result, err
}

func (o Options) search() *search {
	s := &search{Options: o, histories: newHistories(o.programs()...), began: time.Now()}
	n := o.Workers
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	for range n {
		s.workers = append(s.workers, o.explorer(s.histories.view()))
	}
	return s
}

// explorer is one who knows what can happen with these options.
func (o Options) explorer(v view) explorer {
	rules, _ := o.start()
	e := explorer{view: v, rules: rules, late: o.late()}
	switch o.Mode.Lock {
	case billing.NoLock:
	case billing.QuorumLock:
		e.nodes = fiveNodes
	default:
		e.nodes = oneNode
	}
	return e
}

func (s *search) run(ctx context.Context, progress func(Progress)) error {
	_, first := s.start()
	first.sort()
	var begin successors
	root := uint32(hashOf(first.append(nil)) % shards)
	begin.add(&first, move{}, root) // the one state that comes from itself
	s.merge([]successors{begin})
	batch := make([]successors, batchSize)
	for depth := 0; ; depth++ {
		chunks := s.level()
		if len(chunks) == 0 {
			return nil
		}
		s.result.Depth = depth
		var wrong []violation
		for len(chunks) > 0 {
			n := min(len(chunks), len(batch))
			s.expand(chunks[:n], batch[:n])
			s.merge(batch[:n])
			for i := range n {
				wrong = append(wrong, batch[i].wrong...)
			}
			chunks = chunks[n:]
			if err := ctx.Err(); err != nil {
				return err
			}
			if progress != nil {
				progress(Progress{
					s.result.States, depth, s.result.Violations, time.Since(s.began),
				})
			}
		}
		s.keep(wrong)
	}
}

// expand lets the workers share the chunks.
func (s *search) expand(chunks []chunk, out []successors) {
	next := make(chan int, len(chunks))
	for i := range chunks {
		next <- i
	}
	close(next)
	var all sync.WaitGroup
	for w := range s.workers {
		all.Go(func() {
			for i := range next {
				s.workers[w].expand(chunks[i], &out[i])
			}
		})
	}
	all.Wait()
}

// merge lets the workers share the shards.
func (s *search) merge(found []successors) {
	var violations [shards]int
	next := make(chan int, shards)
	for i := range shards {
		next <- i
	}
	close(next)
	var all sync.WaitGroup
	for range s.workers {
		all.Go(func() {
			for i := range next {
				for f := range found {
					violations[i] += s.shards[i].merge(i, &found[f])
				}
			}
		})
	}
	all.Wait()
	for i := range shards {
		s.result.Violations += violations[i]
	}
	s.result.States = 0
	for i := range s.shards {
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
