package ledger

import (
	"context"
	"fmt"

	"example.com/triplecharge/billing"
)

// Fence issues fencing tokens and refuses the entries of those that were overtaken. It is safe for
// concurrent use.
type Fence struct{ store *Store }

var _ billing.Fence = Fence{}

// Fence returns the store's fence.
func (s *Store) Fence() Fence { return Fence{s} }

// Issue implements billing.Fence. A token that was issued and never arrived is only skipped.
func (f Fence) Issue(ctx context.Context, inv billing.Invoice) (token billing.Token, err error) {
	const statement = `
		INSERT INTO fences (period, subscription, token) VALUES ($1, $2, 1)
		ON CONFLICT (period, subscription) DO UPDATE SET token = fences.token + 1
		RETURNING token`
	what := fmt.Sprintf("issue a fencing token for %s", inv)
	err = f.store.retry(ctx, what, func(ctx context.Context) error {
		return f.store.pool.QueryRow(
			ctx, statement, inv.Period.String(), inv.Subscription.ID).Scan(&token)
	})
	return token, err
}

// Record implements billing.Fence; ErrContradiction as of Store.Record. It holds the fence's row
// until the entry is committed: a token that is issued meanwhile waits, so that whoever gets it
// sees the entry.
func (f Fence) Record(ctx context.Context, c billing.Charge, token billing.Token) error {
	const statement = `
		WITH fence AS (
			SELECT token FROM fences WHERE period = $3 AND subscription = $2 FOR SHARE
		), added AS (
			INSERT INTO entries (kind, payment_intent, subscription, period,
				amount_minor, currency, recorded_by)
			SELECT 'charge', $1, $2, $3, $4, $5, $6 FROM fence WHERE token <= $7
			ON CONFLICT (payment_intent) WHERE kind = 'charge' DO NOTHING
			RETURNING 1
		)
		SELECT EXISTS (SELECT FROM added) OR EXISTS (
				SELECT FROM entries
				WHERE kind = 'charge' AND payment_intent = $1 AND subscription = $2 AND period = $3
					AND amount_minor = $4 AND currency = $5),
			coalesce((SELECT token > $7 FROM fence), true)`
	what := fmt.Sprintf("record charge %s of %s under fencing token %d",
		c.PaymentIntent, c.Invoice, token)
	var has, stale bool
	err := f.store.retry(ctx, what, func(ctx context.Context) (err error) {
		for range 2 { // as in Store.add
			err = f.store.pool.QueryRow(ctx, statement, c.PaymentIntent, c.Invoice.Subscription.ID,
				c.Invoice.Period.String(), c.AmountMinor, c.Currency, f.store.recorder, token,
			).Scan(&has, &stale)
			if err != nil || has {
				break
			}
		}
		return err
	})
	switch {
	case err != nil || has:
		return err
	case stale:
		return fmt.Errorf("%s: %w", what, billing.ErrStale)
	}
	return fmt.Errorf("%s: %w", what, ErrContradiction)
}
