package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"example.com/triplecharge/billing"
)

// DefaultTimeout is longer than Postgres takes to restart, and shorter than the 30 s in which a
// server usually must stop.
const DefaultTimeout = 10 * time.Second

// Options configure a Store.
type Options struct {
	Recorder string // the server's name, stored with each entry; required
	MaxConns int32  // 0: the URL's pool_max_conns, or pgx's default
	// Timeout bounds each call of a due run, including its retries, even if the call's context
	// never ends, as that of an invoice in flight. It also bounds how long Open waits for Postgres;
	// for locks that others hold on the tables, Open waits six times as long. 0: DefaultTimeout.
	Timeout time.Duration
	// Existing brings a ledger up to date, and makes none. If there is none, the error is
	// ErrNoLedger.
	Existing bool
	// ReadOnly opens a ledger that exists, and changes nothing in the database, then or later. It
	// also opens a standby. If there is no ledger, the error is ErrNoLedger.
	ReadOnly bool
	// Say, if not nil, is called with a sentence about each thing that Open waits for or creates.
	Say func(string)
	// Hold, if not nil, makes each call of a due run. It may repeat a call that ended with
	// billing.ErrUnavailable.
	Hold func(ctx context.Context, call func(context.Context) error) error
}

// Store is a ledger in Postgres. Safe for concurrent use.
type Store struct {
	pool     atomic.Pointer[pgxpool.Pool] // replaced when its connections fail
	closed   atomic.Bool
	id       string
	config   *pgxpool.Config
	settings map[string]string // of each transaction
	pooled   bool              // a pooler stands between: settings must come with each statement
	recorder string
	timeout  time.Duration
	hold     func(context.Context, func(context.Context) error) error
	lookups  calls[billing.Invoice, current]
	records  calls[recording, recorded]
	acked    acknowledged
}

var (
	_ billing.Invoices = (*Store)(nil)
	_ billing.Ledger   = (*Store)(nil)
)

// Open connects to Postgres and brings the ledger's tables up to date, in the first schema of the
// URL's search_path, by default public. Any number of servers may open a ledger at once, directly
// or through a pooler such as PgBouncer in any of its modes. ctx bounds only the opening. Errors
// suggest what to do, and never contain the password.
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
	s := &Store{
		config: config, recorder: o.Recorder, timeout: cmp.Or(o.Timeout, DefaultTimeout),
		settings: planning(),
	}
	conn := config.ConnConfig
	hosts := time.Duration(1 + len(conn.Fallbacks))
	ours := conn.ConnectTimeout == 0
	if ours {
		conn.ConnectTimeout = s.timeout / hosts
	}
	// A pooler refuses search_path when a connection starts.
	if path, given := conn.RuntimeParams["search_path"]; given {
		s.settings["search_path"] = path
		delete(conn.RuntimeParams, "search_path")
	}
	if conn.RuntimeParams["application_name"] == "" {
		conn.RuntimeParams["application_name"] = "ledger of " + o.Recorder
	}
	switch {
	case o.ReadOnly:
		s.settings["transaction_read_only"] = "on"
	case conn.ValidateConnect == nil: // as with target_session_attrs=read-write
		conn.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	if err := s.prepare(ctx, o); err != nil {
		return nil, fmt.Errorf("open the ledger: %w%s", err, advice(err))
	}
	if ours {
		// Of an attempt's time, each host gets a share, and the statement gets one, too.
		conn.ConnectTimeout = s.timeout / triesPerTimeout / (hosts + 1)
	}
	s.setUpConnections(o.ReadOnly)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	s.pool.Store(pool)
	s.hold = o.Hold
	s.lookups = batched(invoiceKey, s.chargedAmong)
	s.records = batched(thePaymentIntent, s.recordAll)
	return s, nil
}

// ID returns the ledger's own name, which its first migration made and nothing changes: led_….
func (s *Store) ID() string { return s.id }

// setUpConnections has the settings come with each connection. Through a pooler they can't, since a
// transaction may get another connection than the one before; nor can prepared statements.
func (s *Store) setUpConnections(readOnly bool) {
	conn := s.config.ConnConfig
	if s.pooled {
		conn.DefaultQueryExecMode = pgx.QueryExecModeExec
		return
	}
	if readOnly {
		delete(s.settings, "transaction_read_only")
		s.settings["default_transaction_read_only"] = "on"
	}
	maps.Copy(conn.RuntimeParams, s.settings)
}

// planning returns the settings that make Postgres look up each row by its key, so every row costs
// the same. By default, with statistics from a small table, Postgres would read a whole table for a
// few hundred rows, or keep a plan made when the table was small.
func planning() map[string]string {
	return map[string]string{
		"plan_cache_mode":  "force_custom_plan",
		"enable_hashjoin":  "off",
		"enable_mergejoin": "off",
	}
}

// set is the statement that gives a transaction its settings.
func (s *Store) set() (query string, args []any) {
	names := slices.Sorted(maps.Keys(s.settings))
	return `
		SELECT count(set_config(name, value, true))
		FROM unnest($1::text[], $2::text[]) AS given (name, value)`,
		[]any{names, column(names, func(name string) string { return s.settings[name] })}
}

// Ping returns nil if Postgres answers.
func (s *Store) Ping(ctx context.Context) error { return s.pool.Load().Ping(ctx) }

// Close waits for the calls in flight and closes the connections.
func (s *Store) Close() {
	s.closed.Store(true)
	s.pool.Load().Close()
}

// CheckURL says why a database URL can't be used. It connects to nobody.
func CheckURL(databaseURL string) error {
	_, err := parse(databaseURL)
	return err
}

// parse reads the URL. pgx's errors quote the URL, and pgx may misjudge where the password ends in
// an invalid one. So we report the error for the URL without its password, if net/url can remove
// it, and otherwise an error that quotes nothing.
func parse(databaseURL string) (*pgxpool.Config, error) {
	const want = "want postgres://user:password@host:port/database, " +
		"with the special characters of the password %-encoded"
	config, err := pgxpool.ParseConfig(databaseURL)
	// For an empty URL pgx would read the environment, which a ledger must not. A host or a
	// database that contains an @ starts with the end of a password that contains one, or a slash.
	if err == nil && databaseURL != "" && strings.LastIndex(config.ConnConfig.Host, "@") < 1 &&
		!strings.Contains(config.ConnConfig.Database, "@") {
		return config, nil
	}
	if u, urlErr := url.Parse(databaseURL); urlErr == nil && u.User != nil {
		u.User = url.User(u.User.Username())
		if _, err = pgxpool.ParseConfig(u.String()); err != nil {
			return nil, fmt.Errorf("read the database URL: %w: %s", err, want)
		}
	}
	return nil, errors.New("invalid database URL: " + want)
}
