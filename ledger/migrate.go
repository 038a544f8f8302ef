package ledger

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// errNoSchema: Postgres takes a search_path of names that don't exist without a word.
var errNoSchema = errors.New("no schema in the URL's search_path exists")

// migrate brings the schema that the search_path points to up to date, over connections of its
// own. Servers that start together do it one after another; all but the first find nothing to do.
func migrate(ctx context.Context, config *pgx.ConnConfig) (err error) {
	db := stdlib.OpenDB(*config)
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := lockSchema(ctx, conn); err != nil {
		return err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		// A name of our own, and no migrations registered elsewhere: the ledger may share its
		// schema and its process with an application that uses goose as well.
		goose.WithTableName("ledger_migrations"),
		goose.WithDisableGlobalRegistry(true),
	)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// lockSchema waits until no other server migrates this schema. The lock ends with the connection,
// so a server that dies holds up nobody.
//
// goose's own session lock won't do: goose looks for its table before it takes the lock, so that
// servers that meet there wait a second to try again; and it asks for the lock once a second,
// where Postgres would have it wait in line.
func lockSchema(ctx context.Context, conn *sql.Conn) error {
	var exists bool
	err := conn.QueryRowContext(ctx, `SELECT current_schema() IS NOT NULL`).Scan(&exists)
	if err != nil {
		return err
	}
	if !exists {
		return errNoSchema
	}
	_, err = conn.ExecContext(ctx, `
		SELECT pg_advisory_lock(hashtext('triplecharge/ledger'), hashtext(current_schema()))`)
	return err
}
