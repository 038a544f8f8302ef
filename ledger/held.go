package ledger

import (
	"context"

	"example.com/triplecharge/billing"
)

// ClaimHeld reports whether any claim of the period is held that expires some time, on an invoice
// that is not charged yet.
func (s *Store) ClaimHeld(ctx context.Context, p billing.Period) (held bool, err error) {
	const query = `
		SELECT EXISTS (
			SELECT FROM claims
			WHERE period = $1 AND lease_until > clock_timestamp() AND lease_until < 'infinity'
				AND NOT EXISTS (
					SELECT FROM entries
					WHERE entries.period = claims.period AND kind = 'charge'
						AND entries.subscription = claims.subscription))`
	err = s.retry(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, query, p.String()).Scan(&held)
	}, "look for claims that are held")
	return held, err
}
