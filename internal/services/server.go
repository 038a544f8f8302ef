package services

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Server is one Postgres or Redis that a test or a scenario can stop and start again. Its methods
// are safe for concurrent use.
type Server interface {
	// URL returns its address with the password, which Stop, Kill and Start don't change.
	URL() string
	// Stop shuts it down in order and returns once it has ended. Stopping a stopped server does
	// nothing.
	Stop(ctx context.Context) error
	// Kill ends it as a crash would, without cleanup, and returns once it has ended.
	Kill(ctx context.Context) error
	// Start starts it again at the same address, Postgres with its data and Redis empty, and
	// returns once it answers. Starting a running server does nothing.
	Start(ctx context.Context) error
}

// Clocked is a Server whose clock can jump ahead: what expires by it expires early. Jump fails for
// a server that is not from StartClockedRedis, or is stopped.
type Clocked interface {
	Server
	Jump(d time.Duration) error
}

var errNoClock = errors.New("this server's clock can't jump")

const (
	// startLimit bounds a start, which normally takes a hundredth of it.
	startLimit = 30 * time.Second
	// stopLimit is how long a server may take to stop before it is killed.
	stopLimit = 5 * time.Second
	// pollEvery is the interval between pings of a starting server.
	pollEvery = 10 * time.Millisecond
)

// errPortTaken means another program listens on the port; start again on another port.
var errPortTaken = errors.New("the port is in use")

// local is a server that runs as a child process.
type local struct {
	name    string
	url     string
	dir     string           // its subfolder of the guard's folder
	command func() *exec.Cmd // the server, not started yet
	stop    syscall.Signal
	kill    syscall.Signal
	clock   string // the file in which libfaketime reads how far the clock is ahead

	mu      sync.Mutex
	ahead   time.Duration
	process *process // nil before the first start
}

// process is a started command; each Start makes another.
type process struct {
	cmd  *exec.Cmd
	log  Tail
	done chan struct{} // closed when the process has ended
}

func (s *local) URL() string { return s.url }

func (s *local) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process.alive() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	r := &process{cmd: s.command(), done: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr = &r.log, &r.log
	// Don't wait for child processes that inherited the server's output.
	r.cmd.WaitDelay = time.Second
	if err := r.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	go func() {
		r.cmd.Wait() //nolint:errcheck // how it ended is in its log
		close(r.done)
	}()
	s.process = r
	if err := s.awaitReady(ctx, r); err != nil {
		return errors.Join(err, s.end(context.WithoutCancel(ctx), s.stop))
	}
	return nil
}

// awaitReady waits until the server answers, its process ends, or ctx is done.
func (s *local) awaitReady(ctx context.Context, r *process) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	pings, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // whoever else has the port may never answer
		select {
		case <-r.done:
			cancel()
		case <-pings.Done():
		}
	}()
	for {
		err := Ping(pings, s.url)
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
			return fmt.Errorf("wait for %s: %w; last ping: %w", s.name, ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// Jump implements Clocked, for a server that runs under libfaketime.
func (s *local) Jump(d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clock == "" {
		return errNoClock
	}
	s.ahead += d
	text := fmt.Sprintf("+%.3f\n", s.ahead.Seconds())
	next := s.clock + ".next" // renamed, so that the server never reads half of it
	//nolint:gosec // the server's user reads it, and it is no secret
	if err := os.WriteFile(next, []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(next, s.clock)
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

// end signals the process and waits for it, and kills it if that takes too long.
func (s *local) end(ctx context.Context, signal syscall.Signal) error {
	r := s.process
	if !r.alive() {
		return nil
	}
	limit := time.NewTimer(stopLimit)
	defer limit.Stop()
	r.cmd.Process.Signal(signal) //nolint:errcheck // fails only for a process that has ended
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

func (r *process) alive() bool {
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

// onFreePort starts a server on a free port, and tries another port if a program takes the chosen
// one before the server does.
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

// FreePort returns a loopback port that is free at the moment. It is below the ports that Linux
// (from 32768) and macOS (from 49152) use for outgoing connections, which could otherwise take the
// port of a server that a scenario has stopped.
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

// Tail is a writer that keeps the last tailSize bytes. Servers log to it instead of a file, so that
// a full disk doesn't lose the reason for a failure. The zero value is ready to use. It is safe for
// concurrent use.
type Tail struct {
	mu  sync.Mutex
	buf []byte
}

// tailSize is many times the size of a start's log.
const tailSize = 16 << 10

func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - tailSize; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

// Last returns the last line, "" if there is none.
func (t *Tail) Last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.ToValidUTF8(strings.TrimSpace(string(t.buf)), "")
	return text[strings.LastIndex(text, "\n")+1:]
}

func (t *Tail) contains(s string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Contains(t.buf, []byte(s))
}

// reason returns the line that best explains why a server ended: the last one that names an error,
// else the last one.
func (t *Tail) reason() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := "no output"
	found := false
	for line := range strings.Lines(string(t.buf)) {
		line = strings.TrimSpace(line)
		bad := namesError(line)
		if line != "" && (bad || !found) {
			last, found = line, bad
		}
	}
	return last
}

func namesError(line string) bool {
	if strings.Contains(line, "the database system is") {
		return false // the reply to a ping during startup
	}
	// The last one is Redis's; the others are from Postgres and initdb.
	for _, word := range []string{"FATAL:", "PANIC:", "ERROR:", "error:", "could not", "Can't "} {
		if strings.Contains(line, word) {
			return true
		}
	}
	return false
}
