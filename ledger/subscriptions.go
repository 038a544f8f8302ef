package ledger

import (
	"context"
	"fmt"

	"example.com/triplecharge/billing"
)

// AddSubscriptions adds all the subscriptions or none, and replaces those with the same ID. An
// invalid subscription or a duplicate ID is an error. Only ctx bounds the call.
func (s *Store) AddSubscriptions(ctx context.Context, subs []billing.Subscription) error {
	for i, sub := range subs {
		if err := sub.Validate(); err != nil {
			return fmt.Errorf("subscription %d of %d: %w", i+1, len(subs), err)
		}
	}
	const upsert = `
		INSERT INTO subscriptions (id, customer, payment_method, amount_minor, currency)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[])
		ON CONFLICT (id) DO UPDATE SET
			(customer, payment_method, amount_minor, currency) =
			(excluded.customer, excluded.payment_method, excluded.amount_minor, excluded.currency)`
	err := s.each(ctx, upsert, []any{
		column(subs, func(s billing.Subscription) string { return s.ID }),
		column(subs, func(s billing.Subscription) string { return s.Customer }),
		column(subs, func(s billing.Subscription) string { return s.PaymentMethod }),
		column(subs, func(s billing.Subscription) int64 { return s.AmountMinor }),
		column(subs, func(s billing.Subscription) string { return s.Currency }),
	}, nil, nil)
	if err != nil {
		return fmt.Errorf("add %d subscriptions: %w", len(subs), err)
	}
	return nil
}

// Due implements billing.Invoices. A page is a range of the primary key, so every page costs the
// same. A standby or an old primary may answer: a mode that asks the ledger is told what is new.
func (s *Store) Due(
	ctx context.Context, p billing.Period, after string, limit int,
) ([]billing.Invoice, error) {
	page, err := s.page(ctx, p, `false`, after, limit)
	return column(page, func(d due) billing.Invoice { return d.Invoice }), err
}

// due is an invoice due, and whether the ledger has a charge for it.
type due struct {
	billing.Invoice
	charged bool
}

// page returns a range of the list: at most $2 invoices after the subscription $1. charged is the
// SQL for due.charged.
func (s *Store) page(
	ctx context.Context, p billing.Period, charged string, args ...any,
) (page []due, err error) {
	query := `
		SELECT id, customer, payment_method, amount_minor, currency, ` + charged + `
		FROM subscriptions
		WHERE id > $1
		ORDER BY id
		LIMIT $2`
	err = s.retry(ctx, func(ctx context.Context) error {
		page = nil
		d := due{Invoice: billing.Invoice{Period: p}}
		sub := &d.Subscription
		return s.ask(ctx, query, args, []any{
			&sub.ID, &sub.Customer, &sub.PaymentMethod, &sub.AmountMinor, &sub.Currency,
			&d.charged,
		}, func() { page = append(page, d) })
	}, "list the invoices due")
	return page, err
}

// Seek implements billing.Invoices. It samples at most 2,500 of the table's 8 kB blocks, so the
// cost doesn't grow with the table. Up to some 150,000 subscriptions this reads all of them, and
// the share is exact; beyond, it is off by a per cent: dozens of servers don't begin side by side.
func (s *Store) Seek(ctx context.Context, share float64) (after string, err error) {
	const query = `
		SELECT coalesce(percentile_disc($1::float8) WITHIN GROUP (ORDER BY id), '')
		FROM subscriptions TABLESAMPLE SYSTEM (
			least(100, 100 * 2500 / greatest(1, pg_relation_size('subscriptions') / 8192.0)))`
	if share == 0 {
		return "", nil // percentile_disc would return the first ID, not the place before it
	}
	err = s.retry(ctx, func(ctx context.Context) error {
		return s.each(ctx, query, []any{share}, []any{&after}, nil)
	}, "find a place in the list")
	return after, err
}
