package services

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// redisNodes starts Redis servers, all with the same program and password.
type redisNodes struct {
	guard    *guard
	program  string        // "" for the embedded Redis
	clock    func() string // finds libfaketime; "" if it isn't installed
	password string
}

// ErrNeedsRedisServer is returned where the embedded Redis does not suffice.
var ErrNeedsRedisServer = errors.New(
	"needs redis-server (apt-get install redis-server, or brew install redis)")

// String describes the program for the log.
func (n *redisNodes) String() string {
	if n.program == "" {
		return "embedded, as no redis-server was found,"
	}
	return n.program
}

// start starts another node, which replicates the node at the URL primary unless that is empty.
func (n *redisNodes) start(
	ctx context.Context, port int, primary string, clocked bool,
) (Server, error) {
	clock := ""
	if clocked {
		clock = n.clock()
	}
	if n.program == "" || clocked && clock == "" {
		if primary != "" {
			return nil, fmt.Errorf("%w: the embedded Redis can't replicate", ErrNeedsRedisServer)
		}
		s := &embeddedRedis{port: port, password: n.password}
		return s, s.Start(ctx)
	}
	as, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := n.guard.folder("redis-"+rand.Text(), as)
	if err != nil {
		return nil, err
	}
	config, err := n.config(port, primary)
	if err != nil {
		return nil, err
	}
	s := &local{
		name: "redis",
		url:  redisURL(port, n.password),
		dir:  dir,
		command: func() *exec.Cmd {
			cmd := as.command(dir, n.program, "-")
			if clocked {
				// libc's malloc, since jemalloc reads the clock before libfaketime is ready.
				cmd.Env = append(cmd.Env, "LD_PRELOAD="+clock+":libc.so.6",
					"DONT_FAKE_MONOTONIC=1", "FAKETIME_NO_CACHE=1",
					"FAKETIME_TIMESTAMP_FILE="+filepath.Join(dir, "clock"))
			}
			cmd.Stdin = strings.NewReader(config)
			n.guard.adopt(cmd)
			return cmd
		},
		stop: syscall.SIGTERM,
		kill: syscall.SIGKILL,
	}
	if clocked {
		s.clock = filepath.Join(dir, "clock")
		if err := s.Jump(0); err != nil {
			return nil, err
		}
	}
	return s, s.Start(ctx)
}

// config is passed on standard input, so the password appears in no process list.
func (n *redisNodes) config(port int, primary string) (string, error) {
	lines := []string{
		"bind 127.0.0.1",
		"port " + strconv.Itoa(port),
		// Nothing on disk: the scenarios need a Redis that is empty after a restart.
		`save ""`,
		"appendonly no",
		// A replica gets its first copy at once, without a file.
		"repl-diskless-sync yes",
		"repl-diskless-sync-delay 0",
		// The password also shows that this server, and no other, answers on the port.
		"requirepass " + n.password,
		"masterauth " + n.password,
	}
	if primary != "" {
		u, err := url.Parse(primary)
		if err != nil {
			return "", fmt.Errorf("read the primary's address: %w", err)
		}
		lines = append(lines, "replicaof "+u.Hostname()+" "+u.Port())
	}
	return strings.Join(lines, "\n") + "\n", nil
}

func redisURL(port int, password string) string {
	return (&url.URL{
		Scheme: "redis",
		User:   url.UserPassword("", password),
		Host:   loopback(port),
		Path:   "/0",
	}).String()
}

// embeddedRedis is a Redis inside this process, for machines without redis-server. It can't
// replicate.
type embeddedRedis struct {
	port     int
	password string

	mu     sync.Mutex
	server *miniredis.Miniredis // nil when stopped
}

func (s *embeddedRedis) URL() string { return redisURL(s.port, s.password) }

// Start always starts empty, like a Redis without persistence.
func (s *embeddedRedis) Start(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server != nil {
		return nil
	}
	server := miniredis.NewMiniRedis()
	server.RequireAuth(s.password)
	// Otherwise TTLs run down only when a test advances them.
	server.ClockTTL(true)
	if err := server.StartAddr(loopback(s.port)); err != nil {
		return fmt.Errorf("start the embedded Redis: %w: %w", errPortTaken, err)
	}
	s.server = server
	return nil
}

func (s *embeddedRedis) Stop(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server != nil {
		s.server.Close()
		s.server = nil
	}
	return nil
}

// Jump implements Clocked.
func (s *embeddedRedis) Jump(d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server == nil {
		return errNoClock
	}
	s.server.FastForward(d)
	return nil
}

// Kill is the same as Stop, because nothing is ever on disk.
func (s *embeddedRedis) Kill(ctx context.Context) error { return s.Stop(ctx) }
