package services

import (
	"context"
	"fmt"
	"sync"

	"github.com/alicebob/miniredis/v2"
)

// embeddedRedis is a Redis inside this process, for machines that have none. It is stopped and
// started by itself, not by signals, and knows no replication.
type embeddedRedis struct {
	port     int
	password string

	mu     sync.Mutex
	server *miniredis.Miniredis // nil when stopped
}

func (s *embeddedRedis) URL() string { return redisURL(s.port, s.password) }

// Start begins with an empty memory each time, as a Redis without persistence does.
func (s *embeddedRedis) Start(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server != nil {
		return nil
	}
	server := miniredis.NewMiniRedis()
	server.RequireAuth(s.password)
	// Without this, a TTL would only run down when a test says so.
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

// Kill is Stop: it never had anything on disk.
func (s *embeddedRedis) Kill(ctx context.Context) error { return s.Stop(ctx) }
