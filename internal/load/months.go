package load

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// closeMonths fills the ledger with what as many months before the due one have left: their due
// runs, and for each invoice a claim and an entry.
func (o Options) closeMonths(ctx context.Context, databaseURL string) (err error) {
	if o.ClosedMonths == 0 {
		return nil
	}
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	first := o.At.AddDate(0, -o.ClosedMonths, 1-o.At.Day())
	for n := range o.ClosedMonths {
		month := first.AddDate(0, n, 0)
		for _, statement := range []string{
			`INSERT INTO due_runs (period, begun, due) VALUES ($1, now(), $2::timestamptz)`,
			// Stripe's IDs are random, so their indexes are written all over.
			`INSERT INTO entries (kind, payment_intent, subscription, period, amount_minor,
				currency, recorded_by, recorded_at)
			SELECT 'charge', 'pi_' || left(md5(id || $1), 24), id, $1, amount_minor, currency,
				'server-a', $2::timestamptz
			FROM subscriptions ORDER BY id`,
			`INSERT INTO claims (period, subscription, generation, owner, lease_until,
				payment_intent, intent_customer, intent_amount_minor, intent_currency)
			SELECT $1, id, 1, upper(left(md5($1 || id), 26)), $2::timestamptz,
				'pi_' || left(md5(id || $1), 24), customer, amount_minor, currency
			FROM subscriptions ORDER BY id`,
		} {
			if _, err := conn.Exec(ctx, statement, month.Format("2006-01"), month); err != nil {
				return fmt.Errorf("close a month: %w", err)
			}
		}
	}
	// As autovacuum does, sooner or later.
	_, err = conn.Exec(ctx, `VACUUM ANALYZE subscriptions, entries, claims`)
	return err
}
