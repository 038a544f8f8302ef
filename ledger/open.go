package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"example.com/triplecharge/billing"
)

// DefaultTimeout bounds a call. It is longer than Postgres takes to restart, and shorter than the
// 30 s that a server is commonly given to stop.
const DefaultTimeout = 10 * time.Second

// Options are what the URL doesn't say.
type Options struct {
	Recorder string // the server's name, kept with each entry; must be set
	MaxConns int32  // 0 for what the URL says as pool_max_conns, or else pgx's default
	// Timeout bounds each of the calls that a due run makes, their retries included, whether or
	// not their context ends: the context of an invoice in flight never does. 0 for DefaultTimeout.
	Timeout time.Duration
}

// Store is a ledger in Postgres. It is safe for concurrent use.
type Store struct {
	pool     *pgxpool.Pool
	recorder string
	timeout  time.Duration
	lookups  *calls[billing.Invoice, bool]
	records  *calls[billing.Charge, bool]
}

var (
	_ billing.Invoices = (*Store)(nil)
	_ billing.Ledger   = (*Store)(nil)
)

// Open connects to Postgres and brings the ledger's tables up to date, in the schema that the
// URL's search_path names (public if it names none). Any number of servers may do so at once.
// ctx bounds the opening only. The errors say what to do, and never contain the password.
func Open(ctx context.Context, databaseURL string, o Options) (*Store, error) {
	if o.Recorder == "" {
		return nil, errors.New("open the ledger: Options.Recorder is empty: name the server")
	}
	config, err := parse(databaseURL)
	if err != nil {
		return nil, err
	}
	if o.MaxConns > 0 {
		config.MaxConns = o.MaxConns
	}
	timeout := cmp.Or(o.Timeout, DefaultTimeout)
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = timeout
	}
	if err := migrate(ctx, config.ConnConfig); err != nil {
		return nil, fmt.Errorf("open the ledger: %w%s", err, advice(err))
	}
	for name, value := range planning() {
		config.ConnConfig.RuntimeParams[name] = value
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	s := &Store{pool: pool, recorder: o.Recorder, timeout: timeout}
	s.lookups = together(invoiceKey, s.chargedAmong)
	s.records = together(thePaymentIntent, s.record)
	return s, nil
}

// planning is how Postgres is to plan: each row that a statement asks for is looked up by its key,
// so that the last of a million costs what the first does. By itself it would read a whole table
// for a few hundred rows of it, since that is what its statistics of a table that has just begun to
// grow suggest; or keep a plan that it made when the table was small. A pooler between here and
// Postgres must let these through (PgBouncer: ignore_startup_parameters).
func planning() map[string]string {
	return map[string]string{
		"plan_cache_mode":  "force_custom_plan",
		"enable_hashjoin":  "off",
		"enable_mergejoin": "off",
	}
}

// Close waits for the calls in flight and closes the connections.
func (s *Store) Close() { s.pool.Close() }

// parse reads the URL. A message of the parser's quotes the URL, and what a parser takes for the
// password of a broken one may not be all of it. So the message is made from the URL without its
// password, if it can be told apart, and is our own otherwise.
func parse(databaseURL string) (*pgxpool.Config, error) {
	const want = "want postgres://user:password@host:port/database, " +
		"with the special characters of the password %-encoded"
	config, err := pgxpool.ParseConfig(databaseURL)
	// No URL at all would mean what the environment says, which is not for a ledger to read. A
	// host with an @ in it begins with the rest of a password that has one.
	if err == nil && databaseURL != "" && strings.LastIndex(config.ConnConfig.Host, "@") < 1 {
		return config, nil
	}
	if u, urlErr := url.Parse(databaseURL); urlErr == nil && u.User != nil {
		u.User = url.User(u.User.Username())
		if _, err = pgxpool.ParseConfig(u.String()); err != nil {
			return nil, fmt.Errorf("read the database URL: %w: %s", err, want)
		}
	}
	return nil, errors.New("the database URL can't be read: " + want)
}

// advice says what to do about an error in opening the ledger.
func advice(err error) string {
	var (
		pg      *pgconn.PgError
		connect *pgconn.ConnectError
		code    string
	)
	if errors.As(err, &pg) {
		code = pg.Code
	}
	switch {
	case errors.Is(err, errNoSchema):
		return ": create it first (CREATE SCHEMA …), or correct search_path"
	case code == "28P01" || code == "28000":
		return ": check the user and the password in the database URL"
	case code == "3D000":
		return ": create the database first (CREATE DATABASE …), or correct the URL"
	case code == "42501":
		return ": let a user who may create tables in this schema run it once, or " +
			"GRANT CREATE, USAGE ON SCHEMA … TO this user"
	case errors.As(err, &connect):
		return ": check that Postgres runs there and can be reached from here"
	}
	return ""
}
