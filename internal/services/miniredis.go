package services

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
)

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
