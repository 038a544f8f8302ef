package ledger

import (
	"context"
	"fmt"

	"example.com/triplecharge/billing"
)

// Audit sums up the ledger's entries for a billing period.
type Audit struct {
	Period billing.Period
	// Invoices has a line for each subscription, and for each invoice with entries, in the order of
	// the subscriptions' IDs. An invoice with entries in a currency other than its subscription's
	// has a line for each currency, since their amounts can't be added.
	Invoices []Line
	// Totals has one line for each currency, in alphabetical order.
	Totals []Line
}

// Line is what was due, charged and refunded in one currency, for one invoice or in total.
type Line struct {
	Subscription  string // "" in a total
	Currency      string
	DueMinor      int64 // the subscription's current amount; 0 if it is gone
	Charges       int
	ChargedMinor  int64
	Refunds       int   // less those that failed since
	RefundedMinor int64 // not negative; likewise
}

// NetMinor returns what the customer has paid: charges less refunds.
func (l Line) NetMinor() int64 { return l.ChargedMinor - l.RefundedMinor }

// Audit sums up a billing period in one query, so in one snapshot. It keeps a line for each
// subscription in memory. Only ctx bounds the call.
//
// It may be read on a standby. So an old primary that failed over may answer, too, for as long as
// this store has written nothing since: without the latest entries. Nothing is charged or refunded
// by it.
func (s *Store) Audit(ctx context.Context, p billing.Period) (Audit, error) {
	const query = `
		SELECT coalesce(subscription, ''), currency,
			coalesce(sum(amount_minor) FILTER (WHERE kind = 'due'), 0)::bigint,
			count(*) FILTER (WHERE kind = 'charge'),
			coalesce(sum(amount_minor) FILTER (WHERE kind = 'charge'), 0)::bigint,
			count(*) FILTER (WHERE kind = 'refund') - count(*) FILTER (WHERE kind = 'reversal'),
			coalesce(-sum(amount_minor) FILTER (WHERE kind IN ('refund', 'reversal')), 0)::bigint
		FROM (
			SELECT 'due' AS kind, id AS subscription, currency, amount_minor FROM subscriptions
			UNION ALL
			SELECT kind, subscription, currency, amount_minor FROM entries WHERE period = $1
		) AS due_and_done
		GROUP BY GROUPING SETS ((subscription, currency), (currency))
		ORDER BY subscription NULLS LAST, currency`
	audit := Audit{Period: p}
	var l Line
	err := s.each(ctx, query, []any{p.String()}, []any{
		&l.Subscription, &l.Currency, &l.DueMinor,
		&l.Charges, &l.ChargedMinor, &l.Refunds, &l.RefundedMinor,
	}, func() {
		if l.Subscription == "" {
			audit.Totals = append(audit.Totals, l)
		} else {
			audit.Invoices = append(audit.Invoices, l)
		}
	})
	if err != nil {
		return Audit{}, fmt.Errorf("audit %s: %w", p, err)
	}
	return audit, nil
}
