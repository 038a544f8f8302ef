package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/sethvargo/go-retry"

	"example.com/triplecharge/billing"
)

const (
	// firstPause doubles after each try, up to maxPause. So the last try comes shortly before the
	// time-out, however long a failover takes.
	firstPause = 50 * time.Millisecond
	maxPause   = time.Second
	// jitterPercent varies each pause at random, so that servers which lost Postgres together don't
	// all return together.
	jitterPercent = 50
	// triesPerTimeout divides the time-out, so hanging connections leave time for a new one.
	triesPerTimeout = 3
)

// errReadOnly fails questions, too: a ledger that can't be written is no ledger.
var errReadOnly = errors.New("the connection to Postgres is read-only, as on a standby")

// retry makes a call, and repeats it after transient failures until the store's time-out or ctx
// ends; then the error is billing.ErrUnavailable. The call must be idempotent: it is repeated after
// a lost answer. format and args describe it in the error.
func (s *Store) retry(
	ctx context.Context, call func(context.Context) error, format string, args ...any,
) error {
	try := func(ctx context.Context) error { return s.retryFor(ctx, call, format, args...) }
	if s.hold == nil {
		return try(ctx)
	}
	return s.hold(ctx, try)
}

func (s *Store) retryFor(
	caller context.Context, call func(context.Context) error, format string, args ...any,
) error {
	ctx, cancel := context.WithTimeout(caller, s.timeout)
	defer cancel()
	var last error // after the time-out retry.Do returns only the context's error
	var again bool
	err := retry.Do(ctx, pauses(), func(ctx context.Context) error {
		try, cancel := context.WithTimeout(ctx, s.timeout/triesPerTimeout)
		defer cancel()
		pool := s.pool.Load()
		if last = call(try); last == nil {
			return nil
		}
		var fresh bool
		again, fresh = worthRetrying(last)
		if fresh && !errors.Is(try.Err(), context.Canceled) {
			s.replace(pool)
		}
		if again {
			return retry.RetryableError(last)
		}
		return last
	})
	if err != nil {
		err = cmp.Or(last, err)
		if again && caller.Err() == nil {
			err = fmt.Errorf("%w: %w", billing.ErrUnavailable, err)
		}
		return fmt.Errorf(format+": %w", append(args, err)...)
	}
	return nil
}

func pauses() retry.Backoff {
	return retry.WithJitterPercent(jitterPercent,
		retry.WithCappedDuration(maxPause, retry.NewExponential(firstPause)))
}

// replace drops all connections: where one failed, the others lead to the same server. The pool
// goes with them, since it would wait up to 15 s for each one that hangs before it opens another.
// Of the calls that fail together, one does this.
func (s *Store) replace(pool *pgxpool.Pool) {
	if s.closed.Load() {
		return
	}
	// This connects only if asked to keep some connections, and then in the background.
	fresh, err := pgxpool.NewWithConfig(context.Background(), s.config)
	if err != nil {
		return
	}
	if !s.pool.CompareAndSwap(pool, fresh) {
		pool = fresh
	}
	go pool.Close() // waits for those who use its connections
}

// worthRetrying reports whether the statement may succeed if sent again, and whether that needs a
// fresh connection. The classes of SQLSTATE are from
// https://www.postgresql.org/docs/current/errcodes-appendix.html.
func worthRetrying(err error) (again, fresh bool) {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		// The connection failed, hung or is read-only. "No rows" is an answer and stays the same,
		// and so does what was forgotten.
		again = !errors.Is(err, pgx.ErrNoRows) && !errors.Is(err, ErrForgot)
		return again, again
	}
	switch pg.Code {
	case "08P01": // protocol violation: a pooler that refuses a parameter does so every time
		return false, false
	case "55P03", // lock not available
		"28P01", "28000": // a password that is being changed; open connections stay good
		return true, false
	case "3D000", "3F000", "42P01": // no such database, schema or table: one that is being restored
		return true, true
	case "0A000", "26000", "42P05": // the cached plan or the prepared statement does not fit
		return true, true
	}
	switch pg.Code[:min(2, len(pg.Code))] {
	case "40", // transaction rollback, such as a deadlock
		"53": // insufficient resources, such as too many connections
		return true, false
	case "08", // connection exception
		"25", // invalid transaction state, such as read-only
		"57": // operator intervention: shutting down, starting up
		return true, true
	}
	return false, false
}
