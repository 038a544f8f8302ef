package redislock_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"example.com/triplecharge/billing/redislock"
)

// realRedis starts a Redis server for the test and returns its URL, or skips the test if there is
// none on the machine.
func realRedis(t testing.TB) string {
	t.Helper()
	// Not t.TempDir: its name may be longer than a socket's may be.
	dir, err := os.MkdirTemp("", "redislock")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "redis.sock")
	startRedis(t, dir, "--port", "0", "--unixsocket", socket)
	return "unix://" + socket
}

// startRedis starts a Redis server that keeps nothing on disk, and waits until it is ready.
func startRedis(t testing.TB, dir string, args ...string) {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("no redis-server on this machine")
	}
	cmd := exec.Command(binary, append(args, "--dir", dir, "--save", "")...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	var log strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		log.WriteString(lines.Text() + "\n")
		if line := lines.Text(); strings.Contains(line, "eady to accept connections") ||
			strings.Contains(line, "+monitor master") {
			return
		}
	}
	t.Fatalf("redis-server didn't start:\n%s", log.String())
}

// open returns a client that is closed at the test's end.
func open(t testing.TB, url string) redis.UniversalClient {
	t.Helper()
	client, err := redislock.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}
