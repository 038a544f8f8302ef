// Package services provides Postgres and Redis: at a given URL, else from a server program on this
// machine, else without one (an embedded Redis, and a Postgres whose download is announced).
//
// The servers it starts listen on free ports of 127.0.0.1, have random passwords, keep their files
// in one temporary folder, and end within seconds of this process, however it ends.
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
	"strings"
	"sync"
)

// Options configure Start. The zero value starts both servers and logs nothing.
type Options struct {
	// DatabaseURL is the Postgres to use; empty starts one. Existing data is left alone: each run
	// gets its own schema (run_ and random letters), so two runs can share a database. Close
	// drops the schema; a killed run leaves it behind. Each connection sets search_path when it
	// starts, so a pooler must pass that parameter on. What it leaves to PG* variables, a service
	// file or a password file is resolved; Start unsets those variables.
	DatabaseURL string
	// RedisURL is the Redis to use; empty starts one.
	RedisURL string
	// SkipPostgres and SkipRedis leave out a server that is not needed.
	SkipPostgres, SkipRedis bool
	// SharedBuffers sets shared_buffers of a Postgres started here; empty means 64MB, enough for
	// tests. The indexes of a million invoices need more.
	SharedBuffers string
	// Log receives a line per server chosen, and one before each download. May be nil.
	Log func(line string)

	machine *machine // set only by tests; nil means this machine
}

// Services is one Postgres, one Redis, and any further servers and schemas. Its methods are safe
// for concurrent use.
type Services struct {
	machine     machine
	log         func(line string) // says what was chosen
	guard       *guard
	buffers     string
	postgresBin string // of a Postgres started here
	nodes       *redisNodes
	postgres    Server
	redis       Server

	mu       sync.Mutex // guards the rest
	closed   bool
	closeErr error
	ours     []Server  // stopped by Close
	schemas  []*schema // dropped by Close

	seeding sync.Mutex
	seed    *seed // nil until the first StartPostgres
}

// The options that give a server's URL, as error messages name them.
const (
	databaseOption = "--database-url or DATABASE_URL"
	redisOption    = "--redis-url or REDIS_URL"
)

// ErrGiven refuses to stop, kill or start a server that was given by its URL.
var ErrGiven = errors.New("the server was given by its URL and is not ours to stop or start")

// Start starts or connects to the servers that the options ask for. An error says what was tried
// and what to do next, and leaves nothing behind. Otherwise the caller must call Close.
func Start(ctx context.Context, o Options) (*Services, error) {
	s := &Services{machine: thisMachine(), log: o.Log, buffers: cmp.Or(o.SharedBuffers, "64MB")}
	if o.machine != nil {
		s.machine = *o.machine
	}
	var err error
	if o.DatabaseURL, err = environment(o.DatabaseURL); err != nil {
		return nil, badGiven(err, "Postgres", databaseOf(o.DatabaseURL), databaseOption)
	}
	if s.log == nil {
		s.log = func(string) {}
	}
	if s.guard, err = newGuard(); err != nil {
		return nil, err
	}
	s.nodes = &redisNodes{guard: s.guard, program: s.machine.findRedis(), password: rand.Text(),
		clock: s.machine.findClock}
	// Redis first: it starts at once, so its errors show before the wait for Postgres.
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

// DatabaseURL returns the Postgres URL, including any schema; "" if Postgres was skipped.
func (s *Services) DatabaseURL() string { return urlOf(s.postgres) }

// RedisURL returns the Redis URL; "" if Redis was skipped.
func (s *Services) RedisURL() string { return urlOf(s.redis) }

// Postgres returns the server at DatabaseURL, nil if it was skipped. Stopping, killing or starting
// a server that was given by its URL returns ErrGiven.
func (s *Services) Postgres() Server { return s.postgres }

// Redis returns the server at RedisURL, under the same rules as Postgres.
func (s *Services) Redis() Server { return s.redis }

func urlOf(server Server) string {
	if server == nil {
		return ""
	}
	return server.URL()
}

// NewDatabase creates another empty schema and returns its URL. Close drops it.
func (s *Services) NewDatabase(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.postgres == nil {
		return "", errors.New("make a database: Postgres was skipped or is closed")
	}
	schema, err := newSchema(ctx, s.DatabaseURL())
	if err != nil {
		return "", fmt.Errorf("make a database: %w", err)
	}
	s.schemas = append(s.schemas, schema)
	return schema.address, nil
}

// DropDatabase drops a schema that NewDatabase created, before Close does. Its connections must be
// closed. Unknown or already dropped URLs are ignored.
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

// StartRedis starts another empty, independent Redis; Redlock needs five.
func (s *Services) StartRedis(ctx context.Context) (Server, error) {
	return s.startRedis(ctx, "", false)
}

// StartClockedRedis is StartRedis for a server that is Clocked: redis-server where libfaketime is
// installed, and else the embedded Redis.
func (s *Services) StartClockedRedis(ctx context.Context) (Server, error) {
	return s.startRedis(ctx, "", true)
}

// StartReplica starts a Redis that replicates primary, which these services must have started. It
// returns ErrNeedsRedisServer if only the embedded Redis, which can't replicate, is available.
func (s *Services) StartReplica(ctx context.Context, primary Server) (Server, error) {
	return s.startRedis(ctx, primary.URL(), false)
}

func (s *Services) startRedis(ctx context.Context, primary string, clocked bool) (Server, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.New("start Redis: the services are closed")
	}
	server, err := onFreePort(ctx, func(port int) (Server, error) {
		return s.nodes.start(ctx, port, primary, clocked)
	})
	if err != nil {
		return nil, err
	}
	s.ours = append(s.ours, server)
	return server, nil
}

// Discard stops a server that was started after Start, and removes its folder before Close does.
// The server can't be started again.
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

// Adopt makes a command, not yet started, end when this process does: it gets SIGINT, then SIGKILL
// if it lingers. It joins a process group that Ctrl-C doesn't reach. The caller must wait for the
// command before calling Close.
func (s *Services) Adopt(cmd *exec.Cmd) { s.guard.adopt(cmd) }

// Folder makes a folder that only this user can open. It is removed with everything else.
func (s *Services) Folder() (string, error) {
	return s.guard.folder("work-"+rand.Text(), osUser{})
}

// Close stops the servers, drops the schemas and removes the folder. Further calls do nothing and
// return the first call's error.
func (s *Services) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return s.closeErr
	}
	s.closed = true
	ctx := context.Background() // each step has its own limit
	var errs []error
	if _, given := s.postgres.(givenServer); given { // our own server's folder is removed whole
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
		s.log("Redis: given, " + addressOf(given))
		return givenServer(given), nil
	}
	server, err := s.startRedis(ctx, "", false)
	if err != nil {
		return nil, badStart(err, "Redis", s.nodes.String(), s.guard.dir, redisOption)
	}
	s.log("Redis: " + s.nodes.String() + " on " + addressOf(server.URL()))
	return server, nil
}

func (s *Services) choosePostgres(ctx context.Context, given string) (Server, error) {
	if given != "" {
		schema, err := newSchema(ctx, given)
		if err != nil {
			return nil, badGiven(err, "Postgres", databaseOf(given), databaseOption)
		}
		s.log("Postgres: given, " + databaseOf(given) + ", in schema " + schema.name)
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
	s.postgresBin = bin
	server, err := startPostgres(ctx, s.guard, bin, s.buffers)
	if err != nil {
		return nil, badStart(err, "Postgres", bin, s.guard.dir, databaseOption)
	}
	s.ours = append(s.ours, server)
	s.log("Postgres: " + bin + " on " + addressOf(server.URL()))
	return server, nil
}

func (s *Services) downloadPostgres(ctx context.Context) (string, error) {
	as, err := unprivileged()
	if err != nil {
		return "", err
	}
	dir, err := s.guard.folder("download", osUser{})
	if err != nil {
		return "", err
	}
	d := download{s.machine.repository, s.machine.checksum, s.machine.cache, s.log}
	bin, err := d.unpack(ctx, dir)
	if err != nil {
		return "", err
	}
	return bin, as.ownAll(dir)
}

// addressOf returns the part of a URL that is safe to show, without user and password.
func addressOf(rawURL string) string {
	u, err := parsedURL(rawURL)
	if err != nil {
		return "(not a URL)"
	}
	return u.Host + u.Path
}

// parsedURL parses a URL whose password is encoded. Its error repeats no part of it.
func parsedURL(rawURL string) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil || strings.Contains(u.Path+u.RawQuery+u.Fragment, "@") {
		return nil, errors.New("not a URL: want redis://[user:password@]host:port/0, with the " +
			"special characters of the password %-encoded")
	}
	return u, nil
}

func databaseOf(databaseURL string) string {
	config, err := parsed(databaseURL)
	if err != nil {
		return "(not a URL)"
	}
	return fmt.Sprintf("%s:%d/%s", config.Host, config.Port, config.Database)
}

// givenServer is the URL of a server that somebody else runs.
type givenServer string

func (g givenServer) URL() string                 { return string(g) }
func (g givenServer) Stop(context.Context) error  { return ErrGiven }
func (g givenServer) Kill(context.Context) error  { return ErrGiven }
func (g givenServer) Start(context.Context) error { return ErrGiven }
