package load

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"example.com/triplecharge/billing/redislock"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/fleet"
)

type servers struct {
	all   []*server
	redis []string // the URLs of the nodes that their leases are on
	used  []Usage  // after they are stopped
}

// The TTLs are short, so that the recovery run need not wait long for what killed servers leave,
// and many times as long as an invoice takes.
const (
	lockTTL  = 5 * time.Second
	claimTTL = 10 * time.Second
)

// start starts the servers. If one can't be started, it stops the others.
func (o Options) start(ctx context.Context, databaseURL string, b bothSides) (*servers, error) {
	n, err := fleet.NodesOf(o.Mode)
	if err != nil {
		return nil, err
	}
	nodes, err := fleet.StartNodes(ctx, o.Services.StartRedis, n)
	if err != nil {
		return nil, err
	}
	f := &servers{}
	for _, node := range nodes {
		f.redis = append(f.redis, node.URL())
	}
	spec := fleet.Spec{
		Services: o.Services, Command: o.Worker, Mode: o.Mode, At: o.At, LockTTL: lockTTL,
		Flags: append([]string{
			"--quiet", "--claim-ttl", claimTTL.String(), "--lock-prefix", b.lockPrefix(),
		}, o.Flags...),
		DatabaseURL: databaseURL, RedisURL: o.Services.RedisURL(), RedisNodes: f.redis,
		Token: rand.Text(),
	}
	if n == 0 {
		f.redis = []string{spec.RedisURL}
	}
	group, groupCtx := errgroup.WithContext(ctx)
	for i, name := range fleet.Names(o.Servers) {
		s := &server{spec: spec, held: o.Held}
		s.spec.Name, s.spec.StripeURL, s.spec.Tell = name, b.sim.URL(name), s.hear
		if o.Parts {
			s.spec.Flags = append(slices.Clip(spec.Flags), "--part",
				fmt.Sprintf("%d/%d", i+1, o.Servers))
		}
		f.all = append(f.all, s)
		group.Go(func() error { return s.start(groupCtx) })
	}
	if err := group.Wait(); err != nil {
		f.stop()
		return nil, err
	}
	return f, nil
}

// fire triggers a due run on all servers at once. The channel receives the result when the last has
// finished.
func (f *servers) fire(ctx context.Context) <-chan error {
	finished := make(chan error, 1)
	group, groupCtx := errgroup.WithContext(ctx)
	for _, s := range f.all {
		group.Go(func() error { return s.run(groupCtx) })
	}
	go func() { finished <- group.Wait() }()
	return finished
}

// stop ends all servers and returns what they have used.
func (f *servers) stop() []Usage {
	if f.used != nil {
		return f.used
	}
	f.used = make([]Usage, len(f.all))
	var group errgroup.Group
	for i, s := range f.all {
		group.Go(func() error { f.used[i] = s.stop(); return nil })
	}
	_ = group.Wait()
	return f.used
}

// disown deletes the mark that this run's ledger owns its locks. Nothing else would, in a Redis
// that was given.
func (f *servers) disown(ctx context.Context, prefix string) error {
	for _, url := range f.redis {
		if err := redislock.Disown(ctx, url, prefix); err != nil {
			return err
		}
	}
	return nil
}

// warnings returns how many warnings the servers logged, and the last of one of them.
func (f *servers) warnings() (n int, last string) {
	for _, s := range f.all {
		n += s.warnings
		last = cmp.Or(s.warning, last)
	}
	return n, last
}

// lookEvery is the interval at which leases and claims, which last for seconds, are polled.
const lookEvery = 200 * time.Millisecond

// awaitExpiry returns when all leases and claims of the run have expired.
func (f *servers) awaitExpiry(ctx context.Context, b bothSides) error {
	for {
		held, err := b.store.ClaimHeld(ctx, b.period)
		for _, url := range f.redis {
			if err == nil && !held {
				held, err = leaseHeld(ctx, url, b.leases())
			}
		}
		if err != nil || !held {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}

// leaseHeld reports whether Redis has a lease whose key matches the pattern.
func leaseHeld(ctx context.Context, url, pattern string) (held bool, err error) {
	client, err := redislock.Open(url)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	for cursor := uint64(0); ; {
		var keys []string
		keys, cursor, err = client.Scan(ctx, cursor, pattern, 1000).Result()
		if errors.Is(err, redis.Nil) {
			err = nil
		}
		if err != nil || len(keys) > 0 || cursor == 0 {
			return len(keys) > 0, err
		}
	}
}

// server is one billing server, which is started again after it is killed.
type server struct {
	spec fleet.Spec
	held func(string)

	mu       sync.Mutex
	worker   *fleet.Worker // the running one, or the last; nil before the first
	running  bool          // a due run is in progress
	killed   bool          // we have killed worker
	warnings int
	warning  string // the last
}

// hear counts warnings: with --quiet, a server logs little else.
func (s *server) hear(line string, e event.Event, err error) {
	if err == nil && e.Error == "" {
		return
	}
	if e.Kind == event.RunHeld && s.held != nil {
		s.held(s.spec.Name + ": " + e.Sentence(""))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.warnings++
	s.warning = line
}

func (s *server) start(ctx context.Context) error {
	w, err := s.spec.Start(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.worker, s.killed = w, false
	return nil
}

// run makes a due run and returns when it has finished. If the server is killed meanwhile, run
// starts it again and begins another due run.
func (s *server) run(ctx context.Context) error {
	for {
		s.mu.Lock()
		w := s.worker
		s.running = true
		s.mu.Unlock()
		err := fleet.Fire(ctx, time.Time{}, w.Server)
		s.mu.Lock()
		s.running = false
		killed := s.killed
		s.mu.Unlock()
		if !killed || ctx.Err() != nil {
			return cmp.Or(ctx.Err(), err)
		}
		<-w.Exited
		if err := s.start(ctx); err != nil {
			return err
		}
	}
}

// kill kills the server if it is in the middle of a due run, and reports whether it did.
func (s *server) kill() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running || s.killed {
		return false
	}
	s.killed = true
	return s.worker.Signal(syscall.SIGKILL) == nil
}

// stop ends the server and returns what its last process has used.
func (s *server) stop() Usage {
	u := Usage{Server: s.spec.Name}
	if s.worker != nil {
		u.MemoryBytes = s.worker.MaxResident()
		s.worker.Stop()
		u.CPU = s.worker.CPU()
	}
	return u
}
