package services

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// schema is a part of somebody's database that is ours alone.
type schema struct {
	name    string
	admin   string // the URL as given
	address string // the URL that leads to the schema
}

// newSchema makes an empty schema, so that runs on one database don't meet each other or what
// else is there.
func newSchema(ctx context.Context, databaseURL string) (*schema, error) {
	name := "run_" + strings.ToLower(rand.Text())
	address, err := withSearchPath(databaseURL, name)
	if err != nil {
		return nil, err
	}
	s := &schema{name: name, admin: databaseURL, address: address}
	if err := s.exec(ctx, "CREATE SCHEMA "+name); err != nil {
		return nil, err
	}
	return s, nil
}

// withSearchPath returns the URL (or the keyword=value string) with the schema as the only one in
// which unqualified names are looked up and created.
func withSearchPath(databaseURL, schema string) (string, error) {
	if !strings.HasPrefix(databaseURL, "postgres://") &&
		!strings.HasPrefix(databaseURL, "postgresql://") {
		return databaseURL + " search_path=" + schema, nil
	}
	u, err := url.Parse(databaseURL)
	if err != nil {
		// The parser's own message repeats the URL, and with it the password.
		return "", errors.New("not a URL; postgres://user:password@host:port/database is one")
	}
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// drop removes the schema and what is in it. Who still uses it is not waited for very long.
func (s *schema) drop(ctx context.Context) error {
	err := s.exec(ctx, "SET lock_timeout = '5s'; DROP SCHEMA "+s.name+" CASCADE")
	if err != nil {
		return fmt.Errorf("drop schema %s, which is yours to drop now: %w", s.name, err)
	}
	return nil
}

func (s *schema) exec(ctx context.Context, sql string) error {
	ctx, cancel := context.WithTimeout(ctx, schemaLimit)
	defer cancel()
	config, err := pgx.ParseConfig(s.admin)
	if err != nil {
		return err // pgx leaves the password out
	}
	// Several statements at once, and no statement left prepared: this works through a pooler.
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

// schemaLimit bounds making and dropping a schema, a connection to a far database included.
const schemaLimit = 15 * time.Second
