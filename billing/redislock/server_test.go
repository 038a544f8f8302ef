package redislock_test

import (
	"bufio"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/triplecharge/internal/services"
)

// redisServer is a Redis server of a test's own.
type redisServer struct {
	t     *testing.T
	port  string
	args  []string
	cmd   *exec.Cmd
	ready chan struct{} // closed when it accepts commands
	ended chan struct{} // closed when its process has ended
	log   strings.Builder
	admin *redis.Conn // outlives a change of the password
}

// startRedis starts a Redis server, waits until it is ready, and returns its port. It skips the
// test if this machine has no redis-server: miniredis has neither Cluster nor Sentinel.
func startRedis(t *testing.T, args ...string) (port string) {
	t.Helper()
	return newRedisServer(t, args...).port
}

func newRedisServer(t *testing.T, args ...string) *redisServer {
	t.Helper()
	s := &redisServer{t: t, port: freePort(t)}
	s.args = append(args, "--port", s.port, "--dir", t.TempDir(), "--save", "")
	s.start()
	t.Cleanup(s.kill)
	return s
}

func (s *redisServer) start() {
	s.t.Helper()
	s.launch()
	s.untilReady()
}

func (s *redisServer) launch(args ...string) {
	s.t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		s.t.Skip("no redis-server on this machine")
	}
	s.cmd = exec.Command(binary, slices.Concat(s.args, args)...)
	out, err := s.cmd.StdoutPipe()
	must(s.t, err)
	must(s.t, s.cmd.Start())
	s.ready, s.ended = make(chan struct{}), make(chan struct{})
	go func(ready, ended chan struct{}) {
		defer close(ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			line := lines.Text()
			s.log.WriteString(line + "\n")
			if strings.Contains(line, "Ready to accept") ||
				strings.Contains(line, "+monitor master") {
				close(ready)
			}
		}
	}(s.ready, s.ended)
}

func (s *redisServer) untilReady() {
	s.t.Helper()
	select {
	case <-s.ready:
	case <-s.ended:
		s.t.Fatalf("redis-server didn't start:\n%s", s.log.String())
	}
}

func (s *redisServer) kill() {
	_ = s.cmd.Process.Kill()
	<-s.ended
	_ = s.cmd.Wait()
}

func (s *redisServer) signal(signal os.Signal) {
	s.t.Helper()
	must(s.t, s.cmd.Process.Signal(signal))
}

// do executes a command, always on the same connection.
func (s *redisServer) do(command ...any) {
	s.t.Helper()
	if s.admin == nil {
		client := open(s.t, "redis://127.0.0.1:"+s.port+patient)
		s.admin = client.(*redis.Client).Conn()
		s.t.Cleanup(func() { _ = s.admin.Close() })
	}
	must(s.t, s.admin.Do(s.t.Context(), command...).Err())
}

// startSentinel starts a Sentinel that watches a primary, and returns its port.
func startSentinel(t *testing.T, primary string) (port string) {
	t.Helper()
	conf := t.TempDir() + "/sentinel.conf"
	text := "sentinel monitor main 127.0.0.1 " + primary + " 1\n" +
		"sentinel down-after-milliseconds main 200\nsentinel failover-timeout main 2000\n"
	must(t, os.WriteFile(conf, []byte(text), 0o600))
	return startRedis(t, conf, "--sentinel")
}

// startCluster starts a Cluster of one server.
func startCluster(t *testing.T) *redisServer {
	t.Helper()
	s := newRedisServer(t, "--cluster-enabled", "yes",
		"--cluster-port", freePort(t), "--cluster-announce-ip", "127.0.0.1")
	s.do("cluster", "addslotsrange", 0, 16383)
	for s.admin.Do(t.Context(), "set", "ready", "yes").Err() != nil { // CLUSTERDOWN
		<-time.After(10 * time.Millisecond)
	}
	return s
}

func freePort(t *testing.T) string {
	t.Helper()
	port, err := services.FreePort(t.Context())
	must(t, err)
	return strconv.Itoa(port)
}
