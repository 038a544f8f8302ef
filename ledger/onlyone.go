package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// lockPause is how often OneAtATime asks for the lock, and whether it still holds it.
	lockPause = time.Second
	oneOnly   = `
		SELECT pg_try_advisory_xact_lock(hashtext('triplecharge/' || $1), hashtext($2))`
)

// OneAtATime calls do while no other process does what bears this name on this ledger. It waits for
// its turn as long as ctx allows, after it has called waits once. The lock is in Postgres, so it
// does not hold back a process that uses a copy of the database. It ends with its connection: do's
// context ends then, within about a second.
func (s *Store) OneAtATime(
	ctx context.Context, name string, waits func(), do func(context.Context) error,
) error {
	conn, err := pgx.ConnectConfig(ctx, s.config.ConnConfig.Copy())
	if err != nil {
		return fmt.Errorf("lock %s: %w", name, err)
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing) // which ends the lock
	}()
	// The lock is a transaction's, so that it works through any pooler.
	if _, err := conn.Exec(ctx, `BEGIN`); err != nil {
		return fmt.Errorf("lock %s: %w", name, err)
	}
	for locked := false; ; {
		if err := conn.QueryRow(ctx, oneOnly, name, s.id).Scan(&locked); err != nil {
			return fmt.Errorf("lock %s: %w", name, err)
		}
		if locked {
			break
		}
		if waits != nil {
			waits()
			waits = nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("lock %s: %w", name, ctx.Err())
		case <-time.After(lockPause):
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		for ctx.Err() == nil {
			if _, err := conn.Exec(ctx, `SELECT 1`); err != nil {
				cancel(fmt.Errorf("the lock %s was lost: %w", name, err))
			}
			select {
			case <-ctx.Done():
			case <-time.After(lockPause):
			}
		}
	}()
	err = do(ctx)
	cancel(nil)
	<-kept
	return err
}
