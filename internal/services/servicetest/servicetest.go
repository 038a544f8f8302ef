// Package servicetest gives tests a Postgres and a Redis each, on whatever this machine has.
//
// They come from DATABASE_URL and REDIS_URL where these are set, else from Docker if its images
// are there, else from what package services finds. SERVICES=docker insists on Docker (and pulls
// the images), SERVICES=local never asks it. Once a package it says on standard error what its
// tests got, and why not Docker.
//
// A package whose tests use it has
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

// shared is what the tests of a package share. It is a variable of the package because that is
// where TestMain and tests meet; it is filled when first used, so that a test run that needs no
// server starts none.
var shared backing

// Main runs the tests of a package, and then stops what they shared. It does not return.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main for those who have something to do afterwards, goleak for example. It returns the
// exit status.
func Run(m *testing.M) int {
	status := m.Run()
	if err := shared.close(); err != nil {
		fmt.Fprintln(os.Stderr, "services:", err)
		return max(status, 1)
	}
	return status
}

// Database returns the URL of a Postgres schema that only this test uses, dropped at its end.
func Database(t testing.TB) string {
	t.Helper()
	url, err := shared.database(t.Context())
	fatal(t, err)
	own, err := services.Start(t.Context(), services.Options{DatabaseURL: url, SkipRedis: true})
	fatal(t, err)
	after(t, own.Close)
	return own.DatabaseURL()
}

// Redis returns the URL of a Redis database that only this test uses, empty at first. On a Redis
// that is shared (in Docker, or given) it is a number that nobody else uses, so a test must
// neither flush the whole server nor count its commands; OwnRedis is for that.
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

// OwnPostgres returns a Postgres that only this test uses, and may stop, kill and start. It takes
// half a second; in Docker, two.
func OwnPostgres(t testing.TB) services.Server {
	t.Helper()
	server, end, err := shared.ownPostgres(t.Context())
	fatal(t, err)
	after(t, end)
	return server
}

// OwnRedis returns a Redis that only this test uses, and may stop, kill and start.
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

// after cleans up at the end of the test, which fails if that does.
func after(t testing.TB, cleanUp func() error) {
	t.Cleanup(func() {
		if err := cleanUp(); err != nil {
			t.Errorf("clean up services: %v", err)
		}
	})
}

func announce(line string) { fmt.Fprintln(os.Stderr, "services:", line) }
