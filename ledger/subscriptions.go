package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"example.com/triplecharge/billing"
)

// AddSubscriptions adds the subscriptions, or replaces those of the same ID; all or none. An
// invalid one is an error, and so is an ID that appears twice. ctx is its only time-out.
func (s *Store) AddSubscriptions(ctx context.Context, subs []billing.Subscription) error {
	var (
		ids, customers, paymentMethods, currencies []string
		amounts                                    []int64
	)
	for i, sub := range subs {
		if err := sub.Validate(); err != nil {
			return fmt.Errorf("subscription %d of %d: %w", i+1, len(subs), err)
		}
		ids = append(ids, sub.ID)
		customers = append(customers, sub.Customer)
		paymentMethods = append(paymentMethods, sub.PaymentMethod)
		amounts = append(amounts, sub.AmountMinor)
		currencies = append(currencies, sub.Currency)
	}
	const upsert = `
		INSERT INTO subscriptions (id, customer, payment_method, amount_minor, currency)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[])
		ON CONFLICT (id) DO UPDATE SET
			(customer, payment_method, amount_minor, currency) =
			(excluded.customer, excluded.payment_method, excluded.amount_minor, excluded.currency)`
	_, err := s.pool.Exec(ctx, upsert, ids, customers, paymentMethods, amounts, currencies)
	if err != nil {
		return fmt.Errorf("add %d subscriptions: %w", len(subs), err)
	}
	return nil
}

// Due implements billing.Invoices. A page is a range of the primary key, so the last of a million
// costs what the first does.
func (s *Store) Due(
	ctx context.Context, p billing.Period, after string, limit int,
) (page []billing.Invoice, err error) {
	const query = `
		SELECT id, customer, payment_method, amount_minor, currency
		FROM subscriptions
		WHERE id > $1
		ORDER BY id
		LIMIT $2`
	err = s.retry(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, query, after, limit)
		if err != nil {
			return err
		}
		page, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (billing.Invoice, error) {
			inv := billing.Invoice{Period: p}
			sub := &inv.Subscription
			err := row.Scan(
				&sub.ID, &sub.Customer, &sub.PaymentMethod, &sub.AmountMinor, &sub.Currency)
			return inv, err
		})
		return err
	}, "list the invoices due")
	return page, err
}

// Seek implements billing.Invoices. It looks at about a hundred of the table's 8 kB blocks, so
// that its cost doesn't grow with the table: up to some ten thousand subscriptions that is all of
// them, and the share exact; beyond, it is a few per cent off.
func (s *Store) Seek(ctx context.Context, share float64) (after string, err error) {
	const query = `
		SELECT coalesce(percentile_disc($1::float8) WITHIN GROUP (ORDER BY id), '')
		FROM subscriptions TABLESAMPLE SYSTEM (
			least(100, 100 * 100 / greatest(1, pg_relation_size('subscriptions') / 8192.0)))`
	if share == 0 {
		return "", nil // percentile_disc's answer would be the first ID, not the one before it
	}
	err = s.retry(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, query, share).Scan(&after)
	}, "find a place in the list")
	return after, err
}
