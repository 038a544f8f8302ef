// Package servicetest gives each test a Postgres and a Redis.
//
// They come from DATABASE_URL and REDIS_URL if set, else from Docker if it has the images, else
// from package services. SERVICES=docker requires Docker (and pulls the images), SERVICES=local
// never uses it. Once per package, standard error says what the tests use, and why not Docker.
//
// A package whose tests use it needs
//
//	func TestMain(m *testing.M) { servicetest.Main(m) }
package servicetest

import (
	"context"
	"fmt"
	"os"
	"testing"

	"example.com/triplecharge/internal/services"
)

// shared is a package variable because both TestMain and the tests need it. Servers start when
// first used, so a test run that needs none starts none.
var shared backing

// Main runs a package's tests, stops the shared servers, and exits.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main for a TestMain with more to do afterwards, such as goleak. It returns the exit
// status.
func Run(m *testing.M) int {
	status := m.Run()
	if err := shared.close(); err != nil {
		fmt.Fprintln(os.Stderr, "services:", err)
		return max(status, 1)
	}
	return status
}

// Database returns the URL of a Postgres schema for this test alone, dropped when it ends.
func Database(t testing.TB) string {
	t.Helper()
	url, err := shared.database(t.Context())
	fatal(t, err)
	own, err := services.Start(t.Context(), services.Options{DatabaseURL: url, SkipRedis: true})
	fatal(t, err)
	after(t, own.Close)
	return own.DatabaseURL()
}

// Redis returns the URL of an empty Redis database for this test alone. The server may be shared
// (in Docker, or given), so a test that flushes it whole or counts its commands needs OwnRedis.
func Redis(t testing.TB) string {
	t.Helper()
	url, err := shared.redis(t.Context())
	fatal(t, err)
	if url == "" {
		return OwnRedis(t).URL()
	}
	own, release, err := claim(t.Context(), url)
	fatal(t, err)
	after(t, release)
	return own
}

// OwnPostgres returns a Postgres for this test alone, which may stop, kill and start it. It takes
// half a second, in Docker two.
func OwnPostgres(t testing.TB) services.Server {
	t.Helper()
	server, end, err := shared.ownPostgres(t.Context())
	fatal(t, err)
	after(t, end)
	return server
}

// OwnRedis returns a Redis for this test alone, which may stop, kill and start it.
func OwnRedis(t testing.TB) services.Server {
	t.Helper()
	server, err := shared.ownRedis(t.Context())
	fatal(t, err)
	after(t, func() error { return server.Stop(context.Background()) })
	return server
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// after cleans up when the test ends, and fails it if that fails.
func after(t testing.TB, cleanUp func() error) {
	t.Cleanup(func() {
		if err := cleanUp(); err != nil {
			t.Errorf("clean up services: %v", err)
		}
	})
}

func announce(line string) { fmt.Fprintln(os.Stderr, "services:", line) }
