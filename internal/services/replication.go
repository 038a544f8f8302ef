package services

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrNeedsPostgres is returned where a Postgres that was given or downloaded does not suffice.
var ErrNeedsPostgres = errors.New(
	"needs Postgres' own programs (apt-get install postgresql, or brew install postgresql)")

// StartReplicated starts another Postgres, and a standby that streams what it commits.
func (s *Services) StartReplicated(ctx context.Context) (primary, standby Server, err error) {
	primary, err = s.StartPostgres(ctx)
	if err == nil {
		standby, err = s.StartStandby(ctx, primary)
	}
	return primary, standby, err
}

// StartPostgres starts another Postgres. All share one initdb, whose folder is copied: that takes a
// fraction of the time.
func (s *Services) StartPostgres(ctx context.Context) (Server, error) {
	return s.startCopy(ctx, nil)
}

// StartStandby starts a Postgres that streams what the primary, from StartPostgres or StartStandby,
// has committed and will commit, and answers questions. The primary waits for it if Synchronize
// says so.
func (s *Services) StartStandby(ctx context.Context, primary Server) (Server, error) {
	return s.startCopy(ctx, primary)
}

// startCopy starts a copy of the seed, as the primary's standby unless that is nil.
func (s *Services) startCopy(ctx context.Context, primary Server) (Server, error) {
	from, err := s.seeded(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := s.guard.folder("copy-"+rand.Text(), from.as)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	// cp keeps the modes of files and folders, which Postgres checks.
	cmd := from.as.command(dir, "cp", "-Rp", filepath.Join(from.dir, "data"), data)
	if err := s.guard.run(ctx, cmd); err != nil {
		return nil, fmt.Errorf("copy a new database: %w", err)
	}
	if primary != nil {
		settings := fmt.Sprintf("primary_conninfo = '%s'\n", primary.URL())
		err := errors.Join(
			os.WriteFile(filepath.Join(data, "standby.signal"), nil, 0o600),
			os.WriteFile(filepath.Join(data, "postgresql.auto.conf"), []byte(settings), 0o600),
			from.as.ownAll(data))
		if err != nil {
			return nil, err
		}
	}
	server, err := startIn(ctx, s.guard, from.as, from.bin, dir, from.password, s.buffers)
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ours = append(s.ours, server)
	}
	return server, err
}

// seed is a new database cluster that is never started, only copied.
type seed struct {
	as                 osUser
	bin, dir, password string
}

func (s *Services) seeded(ctx context.Context) (made *seed, err error) {
	s.seeding.Lock()
	defer s.seeding.Unlock()
	if s.seed != nil {
		return s.seed, nil
	}
	made = &seed{bin: cmp.Or(s.postgresBin, s.machine.findPostgres()), password: rand.Text()}
	if made.bin == "" {
		return nil, ErrNeedsPostgres
	}
	if made.as, err = unprivileged(); err != nil {
		return nil, err
	}
	if made.dir, err = s.guard.folder("seed", made.as); err != nil {
		return nil, err
	}
	err = initdb(ctx, s.guard, made.as, made.bin, made.dir, made.password)
	if err == nil {
		s.seed = made
	}
	return made, err
}

// Detach ends a standby's replication, once the standby has all that the primary has committed.
func Detach(ctx context.Context, primary, standby Server) error {
	err := tell(ctx, primary, `SELECT count(*) > 0 FROM pg_stat_replication
		WHERE replay_lsn >= pg_current_wal_lsn()`)
	if err != nil {
		return err
	}
	return tell(ctx, standby, `SELECT count(*) = 0 FROM pg_stat_wal_receiver`,
		`ALTER SYSTEM SET primary_conninfo = ''`, `SELECT pg_reload_conf()`)
}

// Synchronize has the primary acknowledge only what its standby has, too, from now on.
func Synchronize(ctx context.Context, primary Server) error {
	return tell(ctx, primary,
		`SELECT count(*) > 0 FROM pg_stat_replication WHERE sync_state = 'sync'`,
		`ALTER SYSTEM SET synchronous_standby_names = '*'`, `SELECT pg_reload_conf()`)
}

// Fence makes a primary that is about to be replaced read-only. It keeps its connections.
func Fence(ctx context.Context, primary Server) error {
	return tell(ctx, primary, `SELECT current_setting('transaction_read_only')::bool`,
		`ALTER SYSTEM SET default_transaction_read_only = on`, `SELECT pg_reload_conf()`)
}

// Promote makes a standby a primary, with all that it has received.
func Promote(ctx context.Context, standby Server) error {
	return tell(ctx, standby, `SELECT NOT pg_is_in_recovery()`, `SELECT pg_promote()`)
}

// tell executes statements and returns when the question is answered with yes.
func tell(ctx context.Context, server Server, question string, statements ...string) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	conn, err := pgx.Connect(ctx, server.URL())
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // all is answered
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for yes := false; ; {
		if err := conn.QueryRow(ctx, question).Scan(&yes); err != nil || yes {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", question, ctx.Err())
		}
	}
}
