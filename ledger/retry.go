package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// firstPause doubles from try to try: seven tries within DefaultTimeout if Postgres refuses
	// at once, the last ones far enough apart for it to have restarted.
	firstPause = 50 * time.Millisecond
	// triesPerTimeout divides the time-out, so that one connection which hangs (its server gone,
	// without a word) leaves time for a fresh one.
	triesPerTimeout = 3
)

// retry makes a call, again if Postgres or the way to it failed, until the store's time-out or
// ctx ends. The call must be idempotent: one whose answer was lost is made again. The format says
// for the error what was being done.
func (s *Store) retry(
	ctx context.Context, call func(context.Context) error, format string, args ...any,
) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	for wait := firstPause; ; wait *= 2 {
		try, cancel := context.WithTimeout(ctx, s.timeout/triesPerTimeout)
		err := call(try)
		cancel()
		if err == nil {
			return nil
		}
		if !transient(err) || !pause(ctx, wait) {
			return fmt.Errorf(format+": %w", append(args, err)...)
		}
	}
}

// transient reports whether the same statement may succeed if it is sent again. Classes of
// SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html.
func transient(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		// The connection failed, or hung; no row is an answer, too.
		return !errors.Is(err, pgx.ErrNoRows)
	}
	return slices.Contains([]string{
		"08", // connection exception
		"40", // transaction rollback
		"53", // insufficient resources, such as too many connections
		"57", // operator intervention: shutting down, starting up
	}, pg.Code[:min(2, len(pg.Code))])
}

// pause waits, and reports whether the wait ended before ctx did.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
