package ledger

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema that the pool's search_path points to up to date. Servers that start
// together do it one after another; all but the first find nothing to do.
func migrate(ctx context.Context, pool *pgxpool.Pool) (err error) {
	db := stdlib.OpenDBFromPool(pool)
	defer func() { err = errors.Join(err, db.Close()) }()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		// A name of our own, and no migrations registered elsewhere: the ledger may share its
		// schema and its process with an application that uses goose as well.
		goose.WithTableName("ledger_migrations"),
		goose.WithDisableGlobalRegistry(true),
		goose.WithSessionLocker(migrationLock{}),
	)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// migrationLock lets one server at a time migrate a schema. goose brings such a lock, but it asks
// for it once a second, so that the last of three servers would start two seconds late; this one
// waits in Postgres' queue. It ends with the connection, so a server that dies holds up nobody.
type migrationLock struct{}

// The lock is one of the database, its key made of this package's name and the schema's.
const migrationKey = `(hashtext('triplecharge/ledger'), hashtext(current_schema()))`

func (migrationLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock`+migrationKey)
	return err
}

func (migrationLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, `SELECT pg_advisory_unlock`+migrationKey)
	return err
}
