// Package services answers where Postgres and Redis come from: a URL that was given, else a
// server program on this machine, else one that comes along (Redis inside this process, Postgres
// by a download that is announced).
//
// What it starts listens on a free port of 127.0.0.1, has a random password, keeps its files in
// one temporary folder, and is gone a few seconds after this process, however that ended.
package services

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
)

// Options say what is given and whom to tell. The zero value starts everything and tells nobody.
type Options struct {
	// DatabaseURL is a Postgres to use. What is in it stays as it is: the run gets a schema of
	// its own, run_ and something random, which Close drops (a run that is killed leaves it
	// behind). Two runs on one database therefore don't meet. The schema is the search_path that
	// each connection asks for when it starts; a pooler in between must let that through. Empty
	// means: start one.
	DatabaseURL string
	// RedisURL is a Redis to use. Empty means: start one.
	RedisURL string
	// SkipPostgres and SkipRedis leave one out, for what needs only the other.
	SkipPostgres, SkipRedis bool
	// SharedBuffers is the shared_buffers of a Postgres that is started, "" for 64MB: little beside
	// a test. The indexes of a million invoices want more.
	SharedBuffers string
	// Log is told in one line what was chosen, and before anything is downloaded. May be nil.
	Log func(line string)

	machine *machine // nil but in tests: this machine
}

// Services is one Postgres and one Redis, and what was started beside them. Its methods may be
// called from several goroutines.
type Services struct {
	machine  machine
	log      func(line string)
	guard    *guard
	buffers  string
	nodes    *redisNodes
	postgres Server
	redis    Server

	mu        sync.Mutex // guards the rest
	closed    bool
	closeErr  error
	ours      []Server  // what Close stops
	schemas   []*schema // what Close drops
	described []string
}

// What a person would set to give a server; our errors name it.
const (
	databaseOption = "--database-url or DATABASE_URL"
	redisOption    = "--redis-url or REDIS_URL"
)

// ErrGiven says that a server was given by its URL, and so is not ours to stop, kill or start.
var ErrGiven = errors.New("the server was given by its URL and is not ours to stop or start")

// Start brings up what the options ask for. When it returns an error, the error says what was
// tried and what can be done, and nothing is left behind; else the caller must Close.
func Start(ctx context.Context, o Options) (*Services, error) {
	s := &Services{
		machine: thisMachine(), log: o.Log, buffers: cmp.Or(o.SharedBuffers, "64MB"),
	}
	if o.machine != nil {
		s.machine = *o.machine
	}
	if s.log == nil {
		s.log = func(string) {}
	}
	var err error
	if s.guard, err = newGuard(); err != nil {
		return nil, err
	}
	s.nodes = &redisNodes{guard: s.guard, program: s.machine.findRedis(), password: rand.Text()}
	// Redis first: it is there in no time, and what is wrong with it shows before the long wait.
	if !o.SkipRedis {
		s.redis, err = s.chooseRedis(ctx, o.RedisURL)
	}
	if err == nil && !o.SkipPostgres {
		s.postgres, err = s.choosePostgres(ctx, o.DatabaseURL)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// DatabaseURL is Postgres' URL, with the schema where there is one; "" if Postgres was skipped.
func (s *Services) DatabaseURL() string { return urlOf(s.postgres) }

// RedisURL is Redis' URL, "" if Redis was skipped.
func (s *Services) RedisURL() string { return urlOf(s.redis) }

// Postgres is the server behind DatabaseURL, nil if it was skipped. One that was given by its URL
// answers ErrGiven to whoever wants to stop it.
func (s *Services) Postgres() Server { return s.postgres }

// Redis is the server behind RedisURL, as Postgres is that behind DatabaseURL.
func (s *Services) Redis() Server { return s.redis }

func urlOf(server Server) string {
	if server == nil {
		return ""
	}
	return server.URL()
}

// Describe says of each service, in a line, what was chosen.
func (s *Services) Describe() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.described...)
}

// NewDatabase makes one more schema, empty, and returns the URL that leads to it; Close drops it.
func (s *Services) NewDatabase(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.postgres == nil {
		return "", errors.New("make a database: there is no Postgres, or not any more")
	}
	schema, err := newSchema(ctx, s.DatabaseURL())
	if err != nil {
		return "", fmt.Errorf("make a database: %w", err)
	}
	s.schemas = append(s.schemas, schema)
	return schema.address, nil
}

// DropDatabase drops a schema that NewDatabase made, for those who make many. Its connections must
// be closed. Of a URL that NewDatabase did not return, or that was dropped, nothing becomes.
func (s *Services) DropDatabase(ctx context.Context, databaseURL string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.schemas, func(one *schema) bool { return one.address == databaseURL })
	if i < 0 || s.closed || databaseURL == s.DatabaseURL() {
		return nil
	}
	err := s.schemas[i].drop(ctx)
	if err == nil {
		s.schemas = slices.Delete(s.schemas, i, i+1)
	}
	return err
}

// StartRedis starts one more Redis, empty and independent of the others; Redlock needs five.
func (s *Services) StartRedis(ctx context.Context) (Server, error) {
	return s.startRedis(ctx, "")
}

// StartReplica starts a Redis that replicates another one, which must be of these services. The
// embedded Redis can't replicate: where there is no redis-server, it is ErrNeedsRedisServer.
func (s *Services) StartReplica(ctx context.Context, primary Server) (Server, error) {
	return s.startRedis(ctx, primary.URL())
}

func (s *Services) startRedis(ctx context.Context, primary string) (Server, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.New("start Redis: the services are closed")
	}
	server, err := s.nodes.start(ctx, primary)
	if err != nil {
		return nil, err
	}
	s.ours = append(s.ours, server)
	return server, nil
}

// Discard stops a server that StartRedis or StartReplica returned, and removes its folder, for
// those who start many. It can't be started again.
func (s *Services) Discard(ctx context.Context, server Server) error {
	err := server.Stop(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ours = slices.DeleteFunc(s.ours, func(one Server) bool { return one == server })
	if l, ok := server.(*local); ok {
		err = errors.Join(err, os.RemoveAll(l.dir))
	}
	return err
}

// Adopt makes a command that has not started yet end with this process: when this process dies,
// the command gets SIGINT and, if that is not enough, SIGKILL. It joins a process group in which
// Ctrl-C doesn't reach it. The caller still must wait for it, before Close.
func (s *Services) Adopt(cmd *exec.Cmd) { s.guard.adopt(cmd) }

// Close stops what was started, drops the schema if there is one, and removes the folder. A second
// Close does nothing and returns what the first did.
func (s *Services) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return s.closeErr
	}
	s.closed = true
	ctx := context.Background() // each step has its own limit
	var errs []error
	if _, given := s.postgres.(givenServer); given { // of a server of ours, the whole folder goes
		for _, schema := range s.schemas {
			errs = append(errs, schema.drop(ctx))
		}
	}
	var stopped sync.WaitGroup
	for _, server := range s.ours {
		stopped.Go(func() { server.Stop(ctx) }) //nolint:errcheck // the guard ends what is left
	}
	stopped.Wait()
	s.closeErr = errors.Join(append(errs, s.guard.close())...)
	return s.closeErr
}

func (s *Services) chooseRedis(ctx context.Context, given string) (Server, error) {
	if given != "" {
		if err := pingRedis(ctx, given); err != nil {
			return nil, badGiven(err, "Redis", addressOf(given), redisOption)
		}
		s.describe("Redis: given, " + addressOf(given))
		return givenServer(given), nil
	}
	server, err := s.startRedis(ctx, "")
	if err != nil {
		return nil, badStart(err, "Redis", s.nodes.String(), s.guard.dir, redisOption)
	}
	s.describe("Redis: " + s.nodes.String() + " on " + addressOf(server.URL()))
	return server, nil
}

func (s *Services) choosePostgres(ctx context.Context, given string) (Server, error) {
	if given != "" {
		schema, err := newSchema(ctx, given)
		if err != nil {
			return nil, badGiven(err, "Postgres", databaseOf(given), databaseOption)
		}
		s.describe("Postgres: given, " + databaseOf(given) + ", in schema " + schema.name)
		s.schemas = append(s.schemas, schema)
		return givenServer(schema.address), nil
	}
	bin := s.machine.findPostgres()
	if bin == "" {
		var err error
		if bin, err = s.downloadPostgres(ctx); err != nil {
			return nil, noPostgres(err, s.machine)
		}
	}
	server, err := startPostgres(ctx, s.guard, bin, s.buffers)
	if err != nil {
		return nil, badStart(err, "Postgres", bin, s.guard.dir, databaseOption)
	}
	s.ours = append(s.ours, server)
	s.describe("Postgres: " + bin + " on " + addressOf(server.URL()))
	return server, nil
}

func (s *Services) downloadPostgres(ctx context.Context) (string, error) {
	as, err := unprivileged()
	if err != nil {
		return "", err
	}
	dir, err := s.guard.folder("download", account{})
	if err != nil {
		return "", err
	}
	d := download{repository: s.machine.repository, cache: s.machine.cache, log: s.log}
	bin, err := d.unpack(ctx, dir)
	if err != nil {
		return "", err
	}
	return bin, as.ownAll(dir)
}

func (s *Services) describe(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.described = append(s.described, line)
	s.log(line)
}

// addressOf is the part of a URL that can be shown: no user, no password.
func addressOf(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "(not a URL)"
	}
	return u.Host + u.Path
}

func databaseOf(databaseURL string) string {
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return "(not a URL)"
	}
	return fmt.Sprintf("%s:%d/%s", config.Host, config.Port, config.Database)
}

// givenServer is a server that somebody else runs.
type givenServer string

func (g givenServer) URL() string                 { return string(g) }
func (g givenServer) Stop(context.Context) error  { return ErrGiven }
func (g givenServer) Kill(context.Context) error  { return ErrGiven }
func (g givenServer) Start(context.Context) error { return ErrGiven }
