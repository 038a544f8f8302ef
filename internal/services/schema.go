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

// schema is a Postgres schema that only this run uses.
type schema struct {
	name    string
	admin   string // the URL as given
	address string // the URL of the schema
}

// newSchema creates an empty schema, so that runs can share a database.
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

// withSearchPath returns the URL (or keyword=value string) with the schema as its only
// search_path.
func withSearchPath(databaseURL, schema string) (string, error) {
	if !strings.HasPrefix(databaseURL, "postgres://") &&
		!strings.HasPrefix(databaseURL, "postgresql://") {
		return databaseURL + " search_path=" + schema, nil
	}
	u, err := url.Parse(databaseURL)
	if err != nil {
		// The parser's message repeats the URL and its password.
		return "", errors.New("not a URL: want postgres://user:password@host:port/database")
	}
	u.RawQuery = withParameter(u.RawQuery, "search_path", schema)
	return u.String(), nil
}

// Portable returns a database's URL as every driver takes it: only pgx has search_path as a
// parameter, and every libpq takes it as an option.
func Portable(databaseURL string) string {
	u, err := url.Parse(databaseURL)
	if err != nil || !u.Query().Has("search_path") {
		return databaseURL
	}
	var kept []string
	options, path := "", ""
	for parameter := range strings.SplitSeq(u.RawQuery, "&") {
		switch name, value, _ := strings.Cut(parameter, "="); name {
		case "options":
			options = value + "%20"
		case "search_path":
			path = value
		default:
			kept = append(kept, parameter)
		}
	}
	u.RawQuery = strings.Join(append(kept, "options="+options+"-csearch_path%3D"+path), "&")
	return u.String()
}

// withParameter appends to a query. Postgres takes the last of several, and a + for a plus, so what
// was given stays as it is: https://www.postgresql.org/docs/current/libpq-connect.html.
func withParameter(query, name, value string) string {
	value = strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
	return strings.TrimPrefix(query+"&"+name+"="+value, "&")
}

// drop drops the schema and everything in it. It waits five seconds for others' locks.
func (s *schema) drop(ctx context.Context) error {
	err := s.exec(ctx, "SET lock_timeout = '5s'; DROP SCHEMA "+s.name+" CASCADE")
	if err != nil {
		return fmt.Errorf("drop schema %s; drop it by hand: %w", s.name, err)
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
	// The simple protocol sends several statements at once and works through a pooler.
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

// schemaLimit bounds creating or dropping a schema, including the connection to a remote server.
const schemaLimit = 15 * time.Second
