package load

import (
	"cmp"
	"context"
	"sync"
	"syscall"
	"time"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/fleet"
)

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
