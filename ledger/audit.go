package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"example.com/triplecharge/billing"
)

// Audit is what the ledger says of a billing period.
type Audit struct {
	Period billing.Period
	// Invoices has one line for each subscription that there is, and for each that has entries,
	// in the order of their IDs. Amounts of different currencies can't be added: an invoice with
	// entries in another currency than the subscription's has a line for each currency.
	Invoices []Line
	// Totals has one line for each currency, in the order of their names.
	Totals []Line
}

// Line is what was due and what was done, of one invoice or in total, in one currency.
type Line struct {
	Subscription  string // "" in a total
	Currency      string
	DueMinor      int64 // the subscription's amount as it is now; 0 if it is gone
	Charges       int
	ChargedMinor  int64
	Refunds       int
	RefundedMinor int64 // not negative
}

// NetMinor is what the customer has paid: charges less refunds.
func (l Line) NetMinor() int64 { return l.ChargedMinor - l.RefundedMinor }

// Audit sums up a billing period, in one query and so of one moment. It holds a line for each
// subscription in memory. ctx is its only time-out.
func (s *Store) Audit(ctx context.Context, p billing.Period) (Audit, error) {
	const query = `
		SELECT coalesce(subscription, ''), currency,
			coalesce(sum(amount_minor) FILTER (WHERE kind = 'due'), 0)::bigint,
			count(*) FILTER (WHERE kind = 'charge'),
			coalesce(sum(amount_minor) FILTER (WHERE kind = 'charge'), 0)::bigint,
			count(*) FILTER (WHERE kind = 'refund'),
			coalesce(-sum(amount_minor) FILTER (WHERE kind = 'refund'), 0)::bigint
		FROM (
			SELECT 'due' AS kind, id AS subscription, currency, amount_minor FROM subscriptions
			UNION ALL
			SELECT kind, subscription, currency, amount_minor FROM entries WHERE period = $1
		) AS due_and_done
		GROUP BY GROUPING SETS ((subscription, currency), (currency))
		ORDER BY subscription NULLS LAST, currency`
	audit := Audit{Period: p}
	rows, err := s.pool.Query(ctx, query, p.String())
	if err != nil {
		return Audit{}, fmt.Errorf("audit %s: %w", p, err)
	}
	var l Line
	_, err = pgx.ForEachRow(rows, []any{
		&l.Subscription, &l.Currency, &l.DueMinor,
		&l.Charges, &l.ChargedMinor, &l.Refunds, &l.RefundedMinor,
	}, func() error {
		if l.Subscription == "" {
			audit.Totals = append(audit.Totals, l)
		} else {
			audit.Invoices = append(audit.Invoices, l)
		}
		return nil
	})
	if err != nil {
		return Audit{}, fmt.Errorf("audit %s: %w", p, err)
	}
	return audit, nil
}
