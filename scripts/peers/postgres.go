package main

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/scripts/faulttest"
)

// advisoryKey is the lock's number, computed from a name as in the tutorials. Locks belong to the
// database, and cells that are played at the same time differ by schema, so the name includes it.
const advisoryKey = `hashtext(current_schema() || $1)`

// withAdvisoryLock is the baseline of "How to use PostgreSQL advisory locks for distributed jobs"
// (how2.sh; many others are the same): pg_try_advisory_lock(hashtext('job:nightly_billing')), "do
// work only when acquired=true", pg_advisory_unlock. PostgreSQL's manual, 13.3.5: a session-level
// lock "is held until explicitly released or the session ends", so it needs a connection of its
// own.
func withAdvisoryLock(c faulttest.Server, charge faulttest.Charge) (faulttest.Charge, func(), error) {
	pool, err := pgxpool.New(context.Background(), c.DatabaseURL)
	if err != nil {
		return nil, nil, err
	}
	return func(ctx context.Context, inv billing.Invoice) (billing.Outcome, error) {
		session, err := pool.Acquire(ctx)
		if err != nil {
			return "", err
		}
		defer session.Release()
		var acquired bool
		err = session.QueryRow(ctx, `SELECT pg_try_advisory_lock(`+advisoryKey+`)`, lockName(inv)).
			Scan(&acquired)
		if err != nil {
			return "", err
		}
		if !acquired {
			return billing.Skipped, nil
		}
		outcome, err := charge(ctx, inv)
		_, unlockErr := session.Exec(ctx, `SELECT pg_advisory_unlock(`+advisoryKey+`)`,
			lockName(inv))
		return outcome, errors.Join(err, unlockErr)
	}, pool.Close, nil
}

// advisoryLockHeld reports whether a session still has the lock. The lock lasts as long as the
// session, and the session as long as its process, paused or not.
func advisoryLockHeld(
	ctx context.Context, databaseURL string, working bool,
) (held bool, err error) {
	if working {
		return false, nil
	}
	const query = `SELECT EXISTS (
		SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
			AND (classid::bigint << 32) | objid::bigint = ` + advisoryKey + `::bigint)`
	err = ask(ctx, databaseURL, query, &held, "billing:alice/2026-12")
	return held, err
}

// ask runs a query for one value on the run's database.
func ask(ctx context.Context, databaseURL, query string, answer any, args ...any) error {
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	return conn.QueryRow(ctx, query, args...).Scan(answer)
}
