package services

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Server is one Postgres or Redis that a test or a scenario can take away and bring back. Its
// methods may be called from several goroutines.
type Server interface {
	// URL is where it listens, with the password; it stays the same over Stop, Kill and Start.
	URL() string
	// Stop ends it as an operator would, and returns once it is gone. Stopping a stopped server
	// does nothing.
	Stop(ctx context.Context) error
	// Kill ends it as a crash would, with nothing tidied up, and returns once it is gone.
	Kill(ctx context.Context) error
	// Start brings it back at the same address, Postgres with its data and Redis empty, and
	// returns once it answers. Starting a running server does nothing.
	Start(ctx context.Context) error
}

const (
	// startLimit bounds a start whose context has no deadline: a hundred times what one takes.
	startLimit = 30 * time.Second
	// stopLimit is how long a server may take to stop before it is killed.
	stopLimit = 5 * time.Second
	// pollEvery is the pace at which a starting server is asked whether it is there yet.
	pollEvery = 10 * time.Millisecond
)

// errPortTaken says that another program listens on the port; the start is retried on another.
var errPortTaken = errors.New("the port is in use")

// local is a server that runs as a child process.
type local struct {
	name    string
	url     string
	dir     string           // what is its own in the guard's folder
	command func() *exec.Cmd // the server, not started yet
	stop    syscall.Signal
	kill    syscall.Signal

	mu  sync.Mutex
	run *run // nil when it is not running
}

// run is one life of a process.
type run struct {
	cmd  *exec.Cmd
	log  tail
	done chan struct{} // closed when the process is gone
}

func (s *local) URL() string { return s.url }

func (s *local) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run.alive() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	r := &run{cmd: s.command(), done: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr = &r.log, &r.log
	// Whoever inherited the server's output must not keep us waiting for its end.
	r.cmd.WaitDelay = time.Second
	if err := r.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	go func() {
		r.cmd.Wait() //nolint:errcheck // how it ended is in its log
		close(r.done)
	}()
	s.run = r
	if err := s.awaitReady(ctx, r); err != nil {
		return errors.Join(err, s.end(context.WithoutCancel(ctx), s.stop))
	}
	return nil
}

// awaitReady returns once the server answers, has died, or had its time.
func (s *local) awaitReady(ctx context.Context, r *run) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := Ping(ctx, s.url)
		if err == nil {
			return nil
		}
		select {
		case <-r.done:
			if r.log.contains("ddress already in use") {
				return fmt.Errorf("start %s: %w", s.name, errPortTaken)
			}
			return fmt.Errorf("%s stopped while starting (%s): %s",
				s.name, r.cmd.ProcessState, r.log.reason())
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w; it last answered: %w", s.name, ctx.Err(), err)
		case <-tick.C:
		}
	}
}

func (s *local) Stop(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end(ctx, s.stop)
}

func (s *local) Kill(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end(ctx, s.kill)
}

// end signals the process and waits until it is gone, the hard way if it takes too long.
func (s *local) end(ctx context.Context, signal syscall.Signal) error {
	r := s.run
	if !r.alive() {
		return nil
	}
	limit := time.NewTimer(stopLimit)
	defer limit.Stop()
	r.cmd.Process.Signal(signal) //nolint:errcheck // it fails only for a process that has ended
	select {
	case <-r.done:
		return nil
	case <-limit.C:
	case <-ctx.Done():
	}
	r.cmd.Process.Kill() //nolint:errcheck // as above
	<-r.done
	return nil
}

func (r *run) alive() bool {
	if r == nil {
		return false
	}
	select {
	case <-r.done:
		return false
	default:
		return true
	}
}

// onFreePort starts a server, again on another port while the chosen one turns out to be taken:
// between the look and the server's own bind, anyone may come first.
func onFreePort(ctx context.Context, start func(port int) (Server, error)) (Server, error) {
	const attempts = 5
	var err error
	for range attempts {
		var port int
		if port, err = FreePort(ctx); err != nil {
			return nil, err
		}
		var s Server
		if s, err = start(port); !errors.Is(err, errPortTaken) {
			return s, err
		}
	}
	return nil, err
}

// FreePort returns a loopback port nobody listens on at the moment. It lies below the ranges from
// which Linux (32768 on) and macOS (49152 on) give ports to outgoing connections, or one of those
// could take the port of a server that a scenario has stopped for a while.
func FreePort(ctx context.Context) (int, error) {
	const lowest, count, attempts = 20000, 12000, 100
	var err error
	for range attempts {
		port := lowest + rand.IntN(count)
		var l net.Listener
		l, err = new(net.ListenConfig).Listen(ctx, "tcp", loopback(port))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("find a free port on 127.0.0.1: %w", err)
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
