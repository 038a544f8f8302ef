package ledger

import (
	"context"

	"example.com/triplecharge/billing"
)

// ClaimHeld reports whether any claim of the period is held that expires some time.
func (s *Store) ClaimHeld(ctx context.Context, p billing.Period) (held bool, err error) {
	const query = `
		SELECT EXISTS (
			SELECT FROM claims
			WHERE period = $1 AND lease_until > clock_timestamp() AND lease_until < 'infinity')`
	err = s.retry(ctx, "look for claims that are held", func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, query, p.String()).Scan(&held)
	})
	return held, err
}
