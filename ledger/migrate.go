package ledger

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/sethvargo/go-retry"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	// locksPerTimeout is how much longer than for Postgres Open waits for others' locks: a
	// migration of a large table takes longer than a failover.
	locksPerTimeout = 6
	// lockTimeout is how long the migration waits for a lock before it says who holds it.
	lockTimeout = "1s"
)

// prepare connects and brings the tables up to date. While Postgres can't be reached or another
// session holds a lock, it says so and tries again.
func (s *Store) prepare(ctx context.Context, o Options) error {
	if o.Say == nil {
		o.Say = func(string) {}
	}
	reached, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	unlocked, cancel := context.WithTimeout(ctx, locksPerTimeout*s.timeout)
	defer cancel()
	var last error
	err := retry.Do(unlocked, pauses(), func(context.Context) error {
		last = s.migrate(ctx, o)
		again, _ := worthRetrying(last)
		again = again && !errors.As(last, new(unfit)) && !neverRight(last)
		bound, limit := reached, s.timeout
		if hasCode(last, "55P03") {
			bound, limit = unlocked, locksPerTimeout*s.timeout
		}
		if last == nil || !again || bound.Err() != nil {
			return last
		}
		o.Say(fmt.Sprintf("%v; it is tried again for up to %v from the start", last, limit))
		return retry.RetryableError(last)
	})
	if err != nil && last != nil {
		return last // retry.Do returns only the context's error after the time-out
	}
	return err
}

// migrate brings the first schema of the search_path up to date, and checks what this server needs
// of it. All is one transaction, its lock included, so a server that dies or fails leaves nothing,
// and it works through a pooler that gives each transaction another connection. goose, whose table
// and files these are, can't do that: it locks sessions, and commits each file.
func (s *Store) migrate(ctx context.Context, o Options) (err error) {
	first, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	config := s.config.ConnConfig.Copy()
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(first, config)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing) // after the commit nothing can be lost
	}()
	tx, err := conn.Begin(first)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(first) }() // closing the connection does it, too
	query, args := s.set()
	if _, err := tx.Exec(first, query, args...); err != nil {
		return err
	}
	at, err := lookAt(first, tx)
	s.pooled = at.pid != conn.PgConn().PID()
	if err == nil {
		err = at.bringUpToDate(ctx, tx, o)
	}
	if err == nil {
		err = at.check(ctx, tx, o.ReadOnly)
	}
	if err == nil && !o.ReadOnly {
		err = arrive(ctx, tx)
	}
	if err == nil {
		err = tx.QueryRow(ctx, `SELECT id FROM ledger_identity`).Scan(&s.id)
	}
	if err != nil {
		explaining, cancel := context.WithTimeout(ctx, s.timeout)
		defer cancel()
		return at.explain(explaining, conn, err)
	}
	return tx.Commit(ctx)
}

func (at place) bringUpToDate(ctx context.Context, tx pgx.Tx, o Options) error {
	latest := latestVersion()
	switch {
	case at.version > latest:
		return unfit{fmt.Errorf("%w: schema %s has version %d, and this program knows up to %d: "+
			"use the newer program", ErrNewer, at.schema, at.version, latest)}
	case at.version == latest:
		return nil
	case at.version == 0 && (o.ReadOnly || o.Existing):
		return unfit{fmt.Errorf("%w in schema %s of this database%s",
			ErrNoLedger, at.schema, at.others())}
	case !o.ReadOnly:
		return at.upTo(ctx, tx, latest, o.Say)
	}
	return unfit{fmt.Errorf("%w: schema %s has version %d, and this program reads %d: "+
		"start a server once, which brings it up to date", ErrOlder, at.schema, at.version, latest)}
}

// The reasons why a ledger can't be opened that a caller may want to know.
var (
	ErrNoLedger = errors.New("there is no ledger")
	ErrNewer    = errors.New("the ledger was made by a newer program")
	ErrOlder    = errors.New("the ledger was made by an older program")
	// errNoSchema is our own check: Postgres silently accepts a search_path of missing schemas.
	errNoSchema = errors.New("no schema in the URL's search_path exists, or this user may use none")
)

// unfit is an error that trying again does not mend.
type unfit struct{ error }

func (u unfit) Unwrap() error { return u.error }

// place is where a ledger is, or will be.
type place struct {
	schema  string
	user    string
	version int64  // of the ledger's tables; 0: there are none
	pid     uint32 // of the Postgres process that works for this connection
	ledgers string // other schemas that have a ledger
}

func lookAt(ctx context.Context, tx pgx.Tx) (at place, err error) {
	var schema *string
	var exists bool
	// What waits for a lock holds no connection of a pooler for long, and can say who has it.
	if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '`+lockTimeout+`'`); err != nil {
		return at, err
	}
	err = tx.QueryRow(ctx, `
		SELECT quote_ident(current_schema()), quote_ident(current_user), pg_backend_pid(),
			to_regclass(quote_ident(current_schema()) || '.ledger_migrations') IS NOT NULL,
			coalesce((
				SELECT string_agg(schemaname, ', ') FROM pg_tables
				WHERE tablename = 'ledger_migrations' AND schemaname <> current_schema()
					AND schemaname NOT LIKE 'run\_%'), '')`,
	).Scan(&schema, &at.user, &at.pid, &exists, &at.ledgers)
	switch {
	case err != nil:
		return at, err
	case schema == nil:
		return at, unfit{errNoSchema}
	}
	at.schema = *schema
	if exists {
		err = at.readVersion(ctx, tx)
	}
	return at, err
}

func (at *place) readVersion(ctx context.Context, tx pgx.Tx) error {
	err := tx.QueryRow(ctx, `
		SELECT coalesce(max(version_id), 0) FROM ledger_migrations WHERE is_applied`,
	).Scan(&at.version)
	if err != nil {
		return fmt.Errorf("read the version of the ledger in schema %s as %s: %w",
			at.schema, at.user, err)
	}
	return nil
}

// others is the end of a sentence about the other schemas that have a ledger.
func (at place) others() string {
	if at.ledgers == "" {
		return ""
	}
	return "; there is one in " + at.ledgers + ": is search_path right?"
}

// upTo waits until no other server migrates this schema, and makes the migrations that are missing.
func (at place) upTo(ctx context.Context, tx pgx.Tx, latest int64, say func(string)) error {
	for _, statement := range []string{
		`SELECT pg_advisory_xact_lock(hashtext('triplecharge/ledger'), hashtext(current_schema()))`,
		// The columns are goose's, whose command can read them.
		`CREATE TABLE IF NOT EXISTS ledger_migrations (
			id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
			version_id bigint NOT NULL,
			is_applied boolean NOT NULL,
			tstamp timestamp NOT NULL DEFAULT now())`,
	} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	if err := at.readVersion(ctx, tx); err != nil || at.version >= latest {
		return err // another server has migrated meanwhile
	}
	if at.version == 0 {
		say("makes a new ledger in schema " + at.schema + at.others())
	}
	for version, file := range files() {
		if version <= at.version {
			continue
		}
		text, err := migrations.ReadFile(file)
		if err == nil {
			_, err = tx.Exec(ctx, string(text))
		}
		if err == nil {
			_, err = tx.Exec(ctx, `
				INSERT INTO ledger_migrations (version_id, is_applied) VALUES ($1, true)`, version)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// files yields the migrations in the order of their versions, which begin their names.
func files() func(yield func(version int64, file string) bool) {
	return func(yield func(int64, string) bool) {
		entries, _ := migrations.ReadDir("migrations") // embedded, and sorted
		for _, entry := range entries {
			number, _, _ := strings.Cut(entry.Name(), "_")
			version, _ := strconv.ParseInt(number, 10, 64) // a test holds the names
			if !yield(version, path.Join("migrations", entry.Name())) {
				return
			}
		}
	}
}

func latestVersion() (latest int64) {
	for version := range files() {
		latest = version
	}
	return latest
}

// neverRight reports whether Postgres refuses what the URL says. A server that ran with it before
// is more patient.
func neverRight(err error) bool {
	return slices.ContainsFunc([]string{"28P01", "28000", "3D000", "3F000", "42P01"},
		func(code string) bool { return hasCode(err, code) })
}

// hasCode reports whether Postgres answered with this SQLSTATE.
func hasCode(err error, code string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == code
}
