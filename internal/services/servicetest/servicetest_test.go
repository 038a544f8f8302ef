package servicetest

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"example.com/triplecharge/internal/services"
)

func TestMain(m *testing.M) {
	status := Run(m)
	if err := goleak.Find(); status == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	for name := range 3 {
		t.Run(fmt.Sprint(name), func(t *testing.T) {
			t.Parallel()
			conn, err := pgx.Connect(t.Context(), Database(t))
			fatal(t, err)
			defer conn.Close(context.Background()) //nolint:errcheck // a test's connection
			_, err = conn.Exec(t.Context(), "CREATE TABLE entries (id int)")
			fatal(t, err)
		})
	}
}

func TestEachTestHasARedisOfItsOwn(t *testing.T) {
	t.Parallel()
	for name := range 3 {
		t.Run(fmt.Sprint(name), func(t *testing.T) {
			t.Parallel()
			writeOnce(t, Redis(t))
		})
	}
}

func TestASharedRedisIsDividedIntoDatabases(t *testing.T) {
	t.Parallel()
	shared := OwnRedis(t).URL()
	theirs, err := redis.ParseURL(shared)
	fatal(t, err)
	theirs.DB = 1
	client := redis.NewClient(theirs)
	defer client.Close() //nolint:errcheck // a test's client
	fatal(t, client.Set(t.Context(), "theirs", "kept", 0).Err())

	seen := map[string]bool{}
	for round := range 2 {
		var releases []func() error
		for range databases - 2 {
			own, release, err := claim(t.Context(), shared)
			fatal(t, err)
			writeOnce(t, own)
			seen[own] = true
			releases = append(releases, release)
		}
		if round == 0 {
			done, cancel := context.WithCancel(t.Context())
			cancel()
			if own, _, err := claim(done, shared); err == nil {
				t.Errorf("%s is claimed twice", own)
			}
		}
		for _, release := range releases {
			fatal(t, release())
		}
	}
	if len(seen) != databases-2 {
		t.Errorf("%d databases were used, want %d", len(seen), databases-2)
	}
	if kept := client.Get(t.Context(), "theirs").Val(); kept != "kept" {
		t.Errorf("what was in the Redis before is %q now", kept)
	}
}

// writeOnce fails the test if somebody else has written there.
func writeOnce(t *testing.T, redisURL string) {
	t.Helper()
	options, err := redis.ParseURL(redisURL)
	fatal(t, err)
	client := redis.NewClient(options)
	defer client.Close() //nolint:errcheck // a test's client
	first, err := client.SetNX(t.Context(), "key", "value", 0).Result()
	fatal(t, err)
	if !first {
		t.Errorf("%s is somebody else's, too", redisURL)
	}
}

func TestOwnServersCanBeTakenAway(t *testing.T) {
	t.Parallel()
	for name, own := range map[string]func(testing.TB) services.Server{
		"Postgres": OwnPostgres, "Redis": OwnRedis,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := own(t)
			fatal(t, services.Ping(t.Context(), server.URL()))
			fatal(t, server.Kill(t.Context()))
			if services.Ping(t.Context(), server.URL()) == nil {
				t.Error("it answers after Kill")
			}
			fatal(t, server.Start(t.Context()))
			fatal(t, services.Ping(t.Context(), server.URL()))
		})
	}
}
