package services

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

func TestStartBringsUpBothAndSaysSo(t *testing.T) {
	t.Parallel()
	var said []string
	s := start(t, Options{Log: func(line string) { said = append(said, line) }})
	must(t, pingPostgres(t.Context(), s.DatabaseURL()))
	must(t, pingRedis(t.Context(), s.RedisURL()))
	if len(said) != 2 || !strings.HasPrefix(said[0], "Redis: ") ||
		!strings.HasPrefix(said[1], "Postgres: ") {
		t.Errorf("it said %q, want a line each on Redis and Postgres", said)
	}
}

func TestSkippedServicesAreNotThere(t *testing.T) {
	t.Parallel()
	s := start(t, Options{SkipPostgres: true, SkipRedis: true})
	if _, err := s.NewDatabase(t.Context()); err == nil {
		t.Error("there is no Postgres, and yet a database in it")
	}
	if s.Postgres() != nil || s.DatabaseURL() != "" || s.Redis() != nil || s.RedisURL() != "" {
		t.Error("something was started that should be skipped")
	}
}

func TestPostgresIsSetUpForTheLedger(t *testing.T) {
	t.Parallel()
	s := start(t, Options{SkipRedis: true})
	conn := connect(t, s.DatabaseURL())
	for setting, want := range map[string]string{
		"server_encoding":    "UTF8",
		"TimeZone":           "UTC",
		"listen_addresses":   "127.0.0.1",
		"synchronous_commit": "on",
	} {
		var got string
		must(t, conn.QueryRow(t.Context(), "SHOW "+setting).Scan(&got))
		if got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
}

func TestServersAskForThePassword(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	withoutPassword := func(rawURL string) string {
		scheme, rest, _ := strings.Cut(rawURL, "//")
		return scheme + "//postgres@" + rest[strings.Index(rest, "@")+1:]
	}
	if pingPostgres(t.Context(), withoutPassword(s.DatabaseURL())) == nil {
		t.Error("Postgres lets somebody in without the password")
	}
	if pingRedis(t.Context(), withoutPassword(s.RedisURL())) == nil {
		t.Error("Redis lets somebody in without the password")
	}
}

func TestTheSurroundingsDoNotMatter(t *testing.T) {
	t.Parallel()
	ready := func(t *testing.T, c *child) {
		t.Helper()
		c.start()
		if said := c.line(); !strings.HasPrefix(said, "ready ") {
			t.Fatalf("the child says %q, want ready", said)
		}
		must(t, c.stdin.Close())
		goneWithin(t, goneLimit, c.tmp)
	}
	t.Run("a temporary folder with spaces and quotes", func(t *testing.T) {
		t.Parallel()
		tmp := filepath.Join(tempDir(t), `it's a "folder" $HOME`)
		must(t, os.Mkdir(tmp, 0o755))
		ready(t, newChild(t, tmp, plain))
	})
	t.Run("a temporary folder with a long name", func(t *testing.T) {
		t.Parallel()
		tmp := filepath.Join(tempDir(t), strings.Repeat("long", 50))
		must(t, os.Mkdir(tmp, 0o755))
		ready(t, newChild(t, tmp, plain))
	})
	t.Run("a locale that is not installed", func(t *testing.T) {
		t.Parallel()
		c := newChild(t, tempDir(t), plain)
		c.Env = append(c.Env, "LC_ALL=xx_XX.UTF-8", "LANG=yy_YY", "PGPORT=1", "PGHOST=nowhere")
		ready(t, c)
	})
	t.Run("a strict umask", func(t *testing.T) {
		t.Parallel()
		c := newChild(t, tempDir(t), plain)
		c.Args = []string{"sh", "-c", `umask 077 && exec "$0"`, c.Path}
		c.Path = "/bin/sh"
		ready(t, c)
	})
	t.Run("an ordinary user", func(t *testing.T) {
		t.Parallel()
		if os.Geteuid() != 0 {
			t.Skip("all the other tests are run by an ordinary user")
		}
		tmp := tempDir(t)
		must(t, os.Chmod(tmp, 0o777))
		c := newChild(t, tmp, plain)
		c.Path = copyOf(t, c.Path)
		c.Dir = "/"
		c.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
		ready(t, c)
	})
}

// copyOf copies a program to where every user can run it.
func copyOf(t *testing.T, program string) string {
	t.Helper()
	content, err := os.ReadFile(program)
	must(t, err)
	path := filepath.Join(tempDir(t), "program")
	must(t, os.WriteFile(path, content, 0o755))
	return path
}

func TestServersGoAwayAndComeBackAtTheSameAddress(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	for how, end := range map[string]func(Server, context.Context) error{
		"stop": Server.Stop, "kill": Server.Kill,
	} {
		database, cache := s.DatabaseURL(), s.RedisURL()
		exec1(t, database, "CREATE TABLE "+how+" AS SELECT 1 AS kept")
		must(t, redisClient(t, cache).Set(t.Context(), how, "here", 0).Err())

		must(t, end(s.Postgres(), t.Context()))
		must(t, end(s.Redis(), t.Context()))
		must(t, end(s.Redis(), t.Context())) // once more does no harm
		if pingPostgres(t.Context(), database) == nil || pingRedis(t.Context(), cache) == nil {
			t.Errorf("%s: a server still answers", how)
		}

		must(t, s.Postgres().Start(t.Context()))
		must(t, s.Redis().Start(t.Context()))
		must(t, s.Redis().Start(t.Context())) // nor does this
		exec1(t, database, "SELECT kept FROM "+how)
		if n, err := redisClient(t, cache).Exists(t.Context(), how).Result(); err != nil || n != 0 {
			t.Errorf("%s: Redis comes back with %d keys (%v), want it empty", how, n, err)
		}
	}
}

func TestRedisNodesAreIndependentAndReplicasAreNot(t *testing.T) {
	t.Parallel()
	if thisMachine().findRedis() == "" {
		t.Skip("the embedded Redis can't replicate, and no redis-server is installed")
	}
	s := start(t, Options{SkipPostgres: true})
	other, err := s.StartRedis(t.Context())
	must(t, err)
	replica, err := s.StartReplica(t.Context(), s.Redis())
	must(t, err)

	must(t, redisClient(t, s.RedisURL()).Set(t.Context(), "key", "value", 0).Err())
	if n := redisClient(t, other.URL()).Exists(t.Context(), "key").Val(); n != 0 {
		t.Error("another node has the key, too")
	}
	client := redisClient(t, replica.URL())
	eventually(t, startLimit, func() error { return client.Get(t.Context(), "key").Err() })
	must(t, s.Redis().Kill(t.Context()))
	must(t, client.Do(t.Context(), "REPLICAOF", "NO", "ONE").Err())
	must(t, client.Set(t.Context(), "key", "new", 0).Err())
}

func TestTheEmbeddedRedisStandsIn(t *testing.T) {
	t.Parallel()
	var said string
	s := start(t, Options{SkipPostgres: true, machine: bare(t, ""), Log: func(line string) {
		said = line
	}})
	if !strings.Contains(said, "embedded") {
		t.Errorf("it says %q, want that Redis is embedded", said)
	}
	client := redisClient(t, s.RedisURL())
	must(t, client.Set(t.Context(), "key", "value", 50*time.Millisecond).Err())
	if n := client.Exists(t.Context(), "key").Val(); n != 1 {
		t.Error("the key is not there")
	}
	eventually(t, startLimit, func() error {
		if client.Exists(t.Context(), "key").Val() != 0 {
			return errors.New("the key has not expired")
		}
		return nil
	})
	must(t, client.Set(t.Context(), "key", "value", 0).Err())
	must(t, s.Redis().Kill(t.Context()))
	if pingRedis(t.Context(), s.RedisURL()) == nil {
		t.Error("it still answers after Kill")
	}
	must(t, s.Redis().Start(t.Context()))
	if n := redisClient(t, s.RedisURL()).Exists(t.Context(), "key").Val(); n != 0 {
		t.Error("it comes back with its keys, want it empty")
	}
	if _, err := s.StartReplica(t.Context(), s.Redis()); !errors.Is(err, ErrNeedsRedisServer) {
		t.Error("it claims to replicate")
	}
}

// What Redis keeps for a minute is gone when its clock jumps by two, and a second jump adds to the
// first.
func TestAClockThatJumpsEndsWhatExpires(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"as installed", "embedded"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := thisMachine()
			if name == "embedded" {
				m.clockPlaces = nil
			}
			s := start(t, Options{SkipPostgres: true, SkipRedis: true, machine: &m})
			node, err := s.StartClockedRedis(t.Context())
			must(t, err)
			client := redisClient(t, node.URL())
			set := func() {
				must(t, client.Set(t.Context(), "lease", "a", time.Minute).Err())
			}
			set()
			must(t, client.Set(t.Context(), "counter", 1, 0).Err())
			for range 2 {
				must(t, node.(Clocked).Jump(2*time.Minute))
				if n, err := client.Exists(t.Context(), "lease", "counter").Result(); n != 1 {
					t.Errorf("%d keys, %v; want the one that does not expire", n, err)
				}
				set()
				if n, err := client.Exists(t.Context(), "lease").Result(); n != 1 {
					t.Errorf("%d keys, %v; want the lease that began after the jump", n, err)
				}
			}
		})
	}
}

func TestATakenPortIsLeftToItsOwner(t *testing.T) {
	t.Parallel()
	s := start(t, Options{SkipPostgres: true, SkipRedis: true})
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer taken.Close() //nolint:errcheck // a test's listener
	go answerNonsense(taken)
	port := taken.Addr().(*net.TCPAddr).Port

	as, err := unprivileged()
	must(t, err)
	dir, err := s.guard.folder("postgres", as)
	must(t, err)
	bin := s.machine.findPostgres()
	must(t, initdb(t.Context(), s.guard, as, bin, dir, "secret"))
	err = newPostgres(s.guard, as, bin, dir, port, "secret", "64MB").Start(t.Context())
	if !errors.Is(err, errPortTaken) {
		t.Errorf("Postgres on a taken port: %v, want %v", err, errPortTaken)
	}
	ports := []int{port}
	redis, err := onFreePort(t.Context(), func(free int) (Server, error) {
		ports = append(ports, free)
		return s.nodes.start(t.Context(), ports[len(ports)-2], "", false) // the taken one first
	})
	must(t, err)
	if len(ports) != 3 {
		t.Errorf("Redis finds a free port after %v, want after one attempt on a taken one", ports)
	}
	must(t, redis.Stop(t.Context()))
}

// answerNonsense is a server that is not the one expected.
func answerNonsense(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		io.WriteString(conn, "220 mail.example.com ESMTP\r\n") //nolint:errcheck // nonsense
		conn.Close()                                           //nolint:errcheck // as above
	}
}

func TestARedisCanBeDiscardedBeforeTheEnd(t *testing.T) {
	t.Parallel()
	s := start(t, Options{SkipPostgres: true})
	folders := func() int {
		entries, err := os.ReadDir(s.guard.dir)
		if !os.IsNotExist(err) { // with the embedded Redis there is none
			must(t, err)
		}
		return len(entries)
	}
	folder, ours := folders(), len(s.ours)
	node, err := s.StartRedis(t.Context())
	must(t, err)
	must(t, s.Discard(t.Context(), node))
	if pingRedis(t.Context(), node.URL()) == nil {
		t.Error("it still answers")
	}
	if folders() != folder || len(s.ours) != ours {
		t.Errorf("%d folders and %d servers, want %d and %d", folders(), len(s.ours), folder, ours)
	}
}

func TestCloseTwiceAndAfterwards(t *testing.T) {
	t.Parallel()
	s := start(t, Options{SkipPostgres: true})
	must(t, s.Close())
	must(t, s.Close())
	if _, err := s.StartRedis(t.Context()); err == nil {
		t.Error("closed services start another Redis")
	}
}

func connect(t *testing.T, databaseURL string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), databaseURL)
	must(t, err)
	t.Cleanup(func() { conn.Close(context.Background()) }) //nolint:errcheck // a test's connection
	return conn
}

func exec1(t *testing.T, databaseURL, sql string) {
	t.Helper()
	conn := connect(t, databaseURL)
	_, err := conn.Exec(t.Context(), sql)
	must(t, err)
}

func redisClient(t *testing.T, redisURL string) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(redisURL)
	must(t, err)
	client := redis.NewClient(options)
	t.Cleanup(func() { client.Close() }) //nolint:errcheck // a test's client
	return client
}
