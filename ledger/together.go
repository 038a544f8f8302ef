package ledger

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/group"
)

// calls are answered by one statement for all that are made at the same time. What each gets is
// what a statement of its own would say, and it returns when that is committed.
type calls[T, R any] = group.Group[T, R]

// patience is how long calls wait for company where there was some before: little beside a charge,
// and longer than those who were answered together take to come back from Stripe's simulator.
const patience = 20 * time.Millisecond

// together returns calls that ask answers in one statement, by their keys; what is not among the
// answers is the zero value. No two of one key are in one statement, and their rows are locked in
// the order of the keys, so that the statements of several servers wait for each other in turn.
func together[T, R any](
	key func(T) string, ask func(context.Context, []T) (map[string]R, error),
) *calls[T, R] {
	var run func(context.Context, []*group.Call[T, R])
	run = func(ctx context.Context, all []*group.Call[T, R]) {
		given := make([]T, len(all))
		for i, c := range all {
			given[i] = c.Given
		}
		answers, err := ask(ctx, given)
		if err != nil && len(all) > 1 && !transient(err) {
			// Postgres refuses one of the rows, and so has done nothing about the others. Each is
			// asked for by itself, so that the error is for the one that it is about.
			for i := range all {
				run(ctx, all[i:i+1])
			}
			return
		}
		for _, c := range all {
			c.Result, c.Err = answers[key(c.Given)], err
		}
	}
	return &calls[T, R]{Key: key, Run: run, Patience: patience}
}

// rowKey is the key of an invoice's row. It begins with the subscription, as pages do, and orders
// as the two columns do: no ID has a character before the blank.
func rowKey(subscription, period string) string { return subscription + " " + period }

func invoiceKey(inv billing.Invoice) string {
	return rowKey(inv.Subscription.ID, inv.Period.String())
}

func theInvoice(inv billing.Invoice) billing.Invoice { return inv }

// invoiceColumns are the keys of invoices, as arrays that a statement can unnest.
func invoiceColumns[T any](
	rows []T, invoice func(T) billing.Invoice,
) (periods, subscriptions []string) {
	periods, subscriptions = make([]string, len(rows)), make([]string, len(rows))
	for i, row := range rows {
		inv := invoice(row)
		periods[i], subscriptions[i] = inv.Period.String(), inv.Subscription.ID
	}
	return periods, subscriptions
}

// column is one of the arrays that a statement unnests.
func column[T, V any](rows []T, value func(T) V) []V {
	values := make([]V, len(rows))
	for i, row := range rows {
		values[i] = value(row)
	}
	return values
}

// each runs a query and calls do after each row has been read into where.
func (s *Store) each(
	ctx context.Context, query string, args, where []any, do func(),
) error {
	rows, err := s.pool.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, where, func() error {
		do()
		return nil
	})
	return err
}
