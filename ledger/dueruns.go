package ledger

import (
	"context"
	"time"

	"example.com/triplecharge/billing"
)

// Month is a billing period that a due run may bill besides its own.
type Month struct {
	Period billing.Period
	Begin  *time.Time // nil: it has not begun
}

// Arrears are the open invoices of an earlier billing period.
type Arrears struct {
	Period billing.Period
	billing.Invoices
}

// BeginRun records that a due run of the period begins, and returns the arrears of those of the
// earlier months that were due from this ledger: no month before the first that it billed. A
// subscription owes a month if it was here when the month's last due run began or, for a month
// without one, when the month began.
func (s *Store) BeginRun(
	ctx context.Context, p billing.Period, earlier []Month,
) (all []Arrears, err error) {
	const statement = `
		WITH begun AS (
			INSERT INTO due_runs (period, begun) VALUES ($1, now())
			ON CONFLICT (period) DO UPDATE SET begun = excluded.begun
		)
		SELECT n, greatest(due_runs.begun, month)
		FROM unnest($2::text[], $3::timestamptz[]) WITH ORDINALITY AS given (period, month, n)
		LEFT JOIN due_runs ON due_runs.period = given.period
		WHERE given.period >= (SELECT min(period) FROM due_runs)
			AND greatest(due_runs.begun, month) IS NOT NULL
		ORDER BY n`
	err = s.retry(ctx, func(ctx context.Context) error {
		all = nil
		var n int
		var dueBy time.Time
		return s.ask(ctx, statement, []any{
			p.String(),
			column(earlier, func(m Month) string { return m.Period.String() }),
			column(earlier, func(m Month) *time.Time { return m.Begin }),
		}, []any{&n, &dueBy}, func() {
			open := s.Uncharged(nil)
			open.dueBy = new(dueBy)
			all = append(all, Arrears{earlier[n-1].Period, open})
		})
	}, "begin the due run of %s", p)
	return all, err
}

// FinishRun records that the due run of the period with that due time left nothing to do.
func (s *Store) FinishRun(ctx context.Context, p billing.Period, due time.Time) error {
	return s.retry(ctx, func(ctx context.Context) error {
		return s.each(ctx, `UPDATE due_runs SET due = greatest(due, $2) WHERE period = $1`,
			[]any{p.String(), due}, nil, nil)
	}, "finish the due run of %s", p)
}

// Missed reports whether the scheduled time last, of the period p, has passed without a due run
// that left nothing to do. In a ledger from which nothing was billed yet, nothing is missed: the
// first period is that of the next scheduled time.
func (s *Store) Missed(
	ctx context.Context, p billing.Period, last, now time.Time, next billing.Period,
) (missed bool, err error) {
	const statement = `
		WITH first AS (
			INSERT INTO due_runs (period, due)
			SELECT $4, $2 WHERE NOT EXISTS (SELECT FROM due_runs)
			ON CONFLICT DO NOTHING
		)
		SELECT EXISTS (SELECT FROM due_runs WHERE period <= $1)
			AND NOT EXISTS (SELECT FROM due_runs WHERE due BETWEEN $2 AND $3)`
	err = s.retry(ctx, func(ctx context.Context) error {
		return s.each(ctx, statement, []any{p.String(), last, now, next.String()},
			[]any{&missed}, nil)
	}, "look for the due run of %s", last.Format(time.RFC3339))
	return missed, err
}
