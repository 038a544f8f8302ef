package services

import (
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// refusal starts services that can't start, and checks what a person is told: all the words, and
// no secret.
func refusal(t *testing.T, o Options, words ...string) {
	t.Helper()
	s, err := Start(t.Context(), o)
	if err == nil {
		must(t, s.Close())
		t.Fatal("the services started, want an error")
	}
	said := err.Error()
	t.Log(said)
	for _, word := range append(words, "Ways out", "docker compose up") {
		if !strings.Contains(said, word) {
			t.Errorf("the error does not mention %q:\n%s", word, said)
		}
	}
	if strings.Contains(said, "s3cret") {
		t.Errorf("the error shows the password:\n%s", said)
	}
}

// closedPort is an address on which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	port, err := FreePort(t.Context())
	must(t, err)
	return loopback(port)
}

func TestAURLThatDoesNotWorkIsReported(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	closed := closedPort(t)
	withUser := func(rawURL string, user *url.Userinfo) string {
		u, err := url.Parse(rawURL)
		must(t, err)
		u.User = user
		return u.String()
	}
	wrong := url.UserPassword("postgres", "s3cret")
	for name, tt := range map[string]struct {
		options Options
		words   []string
	}{
		"Redis refuses": {
			Options{RedisURL: "redis://:s3cret@" + closed},
			[]string{"refused", closed, "--redis-url", "REDIS_URL"},
		},
		"Redis wants a password": {
			Options{RedisURL: withUser(s.RedisURL(), nil)},
			[]string{"NOAUTH", "--redis-url"},
		},
		"Redis wants another password": {
			Options{RedisURL: withUser(s.RedisURL(), url.UserPassword("", "s3cret"))},
			[]string{"WRONGPASS", "--redis-url"},
		},
		"no URL of a Redis": {
			Options{RedisURL: "http://" + closed},
			[]string{"http", "redis", "--redis-url"},
		},
		"no URL at all for Redis": {
			Options{RedisURL: "redis://:s3cret@%zz"},
			[]string{"not a URL", "--redis-url"},
		},
		"Postgres refuses": {
			Options{SkipRedis: true, DatabaseURL: "postgres://u:s3cret@" + closed + "/shop"},
			[]string{"refused", closed + "/shop", "--database-url", "DATABASE_URL"},
		},
		"Postgres wants another password": {
			Options{SkipRedis: true, DatabaseURL: withUser(s.DatabaseURL(), wrong)},
			[]string{"password authentication failed", "--database-url"},
		},
		"no URL at all for Postgres": {
			Options{SkipRedis: true, DatabaseURL: "postgres://u:s3cret@%zz/shop"},
			[]string{"not a URL", "--database-url"},
		},
	} {
		t.Run(name, func(t *testing.T) { refusal(t, tt.options, tt.words...) })
	}
}

func TestNoPostgresAnywhereIsReported(t *testing.T) {
	t.Parallel()
	m := bare(t, "http://"+closedPort(t))
	m.checksum = "any"
	m.postgresPlaces = []string{"/no/such/place/*/bin"}
	refusal(t, Options{SkipRedis: true, machine: m}, "no Postgres", "PATH", "/no/such/place",
		"refused", m.repository, "apt-get install postgresql", "--database-url", "DATABASE_URL")
}

func TestAPostgresThatDoesNotRunIsReported(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ initdb, postgres, word string }{
		"initdb fails":   {"echo initdb: error: no luck; exit 1", "", "no luck"},
		"postgres fails": {"exit 0", "echo 'FATAL:  no fortune'; echo bye; exit 1", "no fortune"},
		"postgres exits": {"exit 0", "exit 0", "stopped while starting"},
		"no program":     {"exit 0", "#!", "did not start"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := bare(t, "")
			m.postgresPlaces = []string{filepath.Join(tempDir(t), "*", "bin")}
			bin := strings.Replace(m.postgresPlaces[0], "*", "99", 1)
			must(t, os.MkdirAll(bin, 0o755))
			script(t, filepath.Join(bin, "initdb"), tt.initdb)
			script(t, filepath.Join(bin, "postgres"), tt.postgres)
			refusal(t, Options{SkipRedis: true, machine: m}, bin, tt.word, "--database-url",
				"TMPDIR")
		})
	}
}

func script(t *testing.T, path, body string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755))
}

func TestATemporaryFolderThatDoesNotExistIsNotMade(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	t.Setenv("TMPDIR", missing)
	refusal(t, Options{SkipRedis: true, machine: bare(t, "")}, missing, "no such file")
	if _, err := os.Stat(missing); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is there (%v)", missing, err)
	}
}

func TestAFullDiskIsReported(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]string{
		"no room for a folder":      "nr_inodes=1",
		"no room for a database":    "size=1m",
		"no room for a running one": "size=39m",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk := tempDir(t)
			mount := exec.Command("mount", "-t", "tmpfs", "-o", size+",mode=755", "tmpfs", disk)
			if out, err := mount.CombinedOutput(); err != nil {
				t.Skipf("this test mounts a tiny disk, for which it needs root: %v: %s", err, out)
			}
			t.Cleanup(func() {
				must(t, exec.CommandContext(context.Background(), "umount", disk).Run())
			})
			c := newChild(t, disk, plain)
			c.start()
			all, err := io.ReadAll(c.out)
			must(t, err)
			said := string(all)
			t.Log(said)
			for _, word := range []string{
				"error: ", "o space left", "TMPDIR", "docker compose up",
			} {
				if !strings.Contains(said, word) {
					t.Errorf("the error does not mention %q:\n%s", word, said)
				}
			}
			goneWithin(t, goneLimit, disk)
		})
	}
}
