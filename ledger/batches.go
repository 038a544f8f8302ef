package ledger

import (
	"cmp"
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/batch"
)

// calls made at the same time share one statement. Each gets the answer that its own statement
// would give, and returns after the commit. (A field with a Batcher would have each package that
// uses a Store compile all of its methods again.)
type calls[T, R any] func(context.Context, T) (R, error)

const (
	// linger is short compared with a charge, and lets a busy server's statements have a hundred
	// rows, which cost half of what they cost by the dozen.
	linger = 50 * time.Millisecond
	// settle is longer than the time between Stripe's replies on a busy machine.
	settle = 6 * time.Millisecond
)

// batched returns calls that share ask's statement. ask returns the answers by key; a missing one
// is the zero value. No statement has two calls with the same key, and ask must lock rows in the
// order of the keys, so the statements of several servers can't deadlock.
func batched[T, R any](
	key func(T) string, ask func(context.Context, []T) (map[string]R, error),
) calls[T, R] {
	var run func(context.Context, []*batch.Call[T, R])
	run = func(ctx context.Context, all []*batch.Call[T, R]) {
		given := make([]T, len(all))
		for i, c := range all {
			given[i] = c.Given
		}
		answers, err := ask(ctx, given)
		if again, _ := worthRetrying(err); err != nil && len(all) > 1 && !again {
			// Postgres refused a row, and with it the whole statement. Ask for each row
			// separately, so that only the call with the bad row gets the error.
			for i := range all {
				run(ctx, all[i:i+1])
			}
			return
		}
		for _, c := range all {
			c.Result, c.Err = answers[key(c.Given)], err
		}
	}
	return (&batch.Batcher[T, R]{Key: key, Run: run, Linger: linger, Settle: settle}).Do
}

// rowKey returns the key of an invoice's row. It sorts like the two columns, subscription first: no
// ID contains a character below the space.
func rowKey(subscription, period string) string { return subscription + " " + period }

func invoiceKey(inv billing.Invoice) string {
	return rowKey(inv.Subscription.ID, inv.Period.String())
}

func itself(inv billing.Invoice) billing.Invoice { return inv }

// invoiceColumns returns the rows' invoices as arrays that a statement can unnest.
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

// column returns one array that a statement can unnest.
func column[T, V any](rows []T, value func(T) V) []V {
	values := make([]V, len(rows))
	for i, row := range rows {
		values[i] = value(row)
	}
	return values
}

// each runs a query, and calls do, if it isn't nil, after scanning each row into where. It is the
// only way to the pool: through a pooler the settings precede the query, in the same transaction
// and the same round trip.
func (s *Store) each(
	ctx context.Context, query string, args, where []any, do func(),
) error {
	return s.send(ctx, nil, nil, query, args, where, do)
}

// send is each after another question, in the same transaction: first queues it, and answer reads
// the answer.
func (s *Store) send(
	ctx context.Context, first func(*pgx.Batch), answer func(pgx.BatchResults) error,
	query string, args, where []any, do func(),
) (err error) {
	var b pgx.Batch
	if s.pooled {
		set, names := s.set()
		b.Queue(set, names...)
	}
	if first != nil {
		first(&b)
	}
	b.Queue(query, args...)
	results := s.pool.Load().SendBatch(ctx, &b)
	defer func() { err = cmp.Or(err, results.Close()) }()
	if s.pooled {
		if _, err := results.Exec(); err != nil {
			return err
		}
	}
	if answer != nil {
		if err := answer(results); err != nil {
			return err
		}
	}
	rows, err := results.Query()
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, where, func() error {
		if do != nil {
			do()
		}
		return nil
	})
	return err
}
