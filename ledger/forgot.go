package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"example.com/triplecharge/billing"
)

// ErrForgot means that the ledger lacks what it had acknowledged to this store, or to another one.
// Invoices may be charged at Stripe of which it knows nothing. A server must stop.
var ErrForgot = errors.New("the ledger has forgotten what it had acknowledged")

// remembered is how many entries and how many claims a store remembers. Postgres' failovers and
// restores lose what came last, and the statements of a kind are committed one after another: so
// one of each would do. More find what a person has deleted.
const remembered = 16

// acknowledged is the last that the ledger has acknowledged to this store. Each question that comes
// before a charge asks whether it is still there.
type acknowledged struct {
	mu      sync.Mutex
	entries []string // PaymentIntents of charge entries
	claims  []billing.Claim
}

func (a *acknowledged) entry(paymentIntent string) {
	if paymentIntent == "" {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.entries = latest(a.entries, paymentIntent)
}

func (a *acknowledged) claim(c billing.Claim) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.claims = latest(a.claims, c)
}

func latest[T any](all []T, one T) []T {
	all = append(all, one)
	return all[max(0, len(all)-remembered):]
}

// stillThere asks what of $1 to $4 the ledger lacks, whose ledger it is, and which periods are to
// be reconciled first.
const stillThere = `
	SELECT (SELECT id FROM ledger_identity), current_setting('transaction_read_only')::bool,
		ARRAY(SELECT period FROM reconcile_first WHERE NOT done ORDER BY period),
		(SELECT count(*) FROM unnest($1::text[]) AS given (payment_intent)
			WHERE NOT coalesce((
				SELECT true FROM entries
				WHERE kind = 'charge' AND entries.payment_intent = given.payment_intent
				LIMIT 1), false)) +
		(SELECT count(*) FROM unnest($2::text[], $3::text[], $4::bigint[])
				AS given (period, subscription, generation)
			WHERE NOT coalesce((
				SELECT claims.generation >= given.generation FROM claims
				WHERE claims.period = given.period AND claims.subscription = given.subscription
			), false))`

// ask is each for a question that comes before a charge. Its error is ErrForgot if the ledger lacks
// what it had acknowledged.
func (s *Store) ask(ctx context.Context, query string, args, where []any, do func()) error {
	// What is asked for is chosen before the connection is. Else an old primary could be asked for
	// what the new one acknowledged meanwhile.
	s.acked.mu.Lock()
	entries, claims := s.acked.entries, s.acked.claims
	s.acked.mu.Unlock()
	periods, subscriptions := invoiceColumns(claims,
		func(c billing.Claim) billing.Invoice { return c.Invoice })
	var (
		id       string
		readOnly bool
		first    []string
		missing  int
	)
	err := s.send(ctx, func(b *pgx.Batch) {
		b.Queue(stillThere, entries, periods, subscriptions,
			column(claims, func(c billing.Claim) int64 { return c.Generation }))
	}, func(results pgx.BatchResults) error {
		return results.QueryRow().Scan(&id, &readOnly, &first, &missing)
	}, query, args, where, do)
	switch {
	case err != nil:
		return err
	case id != s.id:
		return fmt.Errorf("%w: it was %s, and is %s now: check the database URL, and start again",
			ErrForgot, s.id, id)
	case missing > 0 && readOnly:
		return errReadOnly // a standby, which may be late
	case missing > 0:
		if first, err = s.forget(ctx, periods); err != nil {
			return err
		}
	}
	if len(first) > 0 {
		return fmt.Errorf("%w: reconcile first: stop all servers, and run reconcile --apply "+
			"--period for %s", ErrForgot, strings.Join(first, ", "))
	}
	return nil
}

// mayLack are the periods of which a ledger that has forgotten something may lack a charge: those
// of the last due runs, which bill the two months before theirs, too.
const mayLack = `
	SELECT period FROM (SELECT period FROM due_runs ORDER BY period DESC LIMIT 3) AS last`

// forget has all servers stop until these periods are reconciled, and those that were billed last.
func (s *Store) forget(ctx context.Context, periods []string) (first []string, err error) {
	const statement = `
		INSERT INTO reconcile_first (period)
		SELECT unnest($1::text[]) UNION ` + mayLack + ` ORDER BY 1
		ON CONFLICT (period) DO UPDATE SET done = false RETURNING period`
	var period string
	err = s.each(ctx, statement, []any{periods}, []any{&period},
		func() { first = append(first, period) })
	return first, err
}

// arrive has all servers stop if this ledger was restored or copied since it was opened last.
func arrive(ctx context.Context, tx pgx.Tx) error {
	const statement = `
		WITH arrived AS (
			INSERT INTO places (place)
			SELECT system_identifier || '/' || 'entries'::regclass::oid FROM pg_control_system()
			ON CONFLICT DO NOTHING RETURNING place
		)
		INSERT INTO reconcile_first (period) ` + mayLack + `
		WHERE EXISTS (SELECT FROM places) AND EXISTS (SELECT FROM arrived)
		ON CONFLICT (period) DO UPDATE SET done = false`
	_, err := tx.Exec(ctx, statement)
	return err
}

// Intact returns ErrForgot if servers must not charge from this ledger.
func (s *Store) Intact(ctx context.Context) error {
	return s.retry(ctx, func(ctx context.Context) error {
		return s.ask(ctx, `SELECT`, nil, nil, nil)
	}, "look at the ledger")
}

// Reconciled lets servers charge from this ledger again, if it is so, as far as this billing period
// is concerned. left are the periods that must still be reconciled.
func (s *Store) Reconciled(
	ctx context.Context, p billing.Period, isSo bool,
) (left []string, err error) {
	const statement = `
		WITH done AS (UPDATE reconcile_first SET done = true WHERE period = $1 AND $2)
		SELECT ARRAY(SELECT period FROM reconcile_first 
			WHERE NOT done AND NOT (period = $1 AND $2) ORDER BY 1)`
	err = s.retry(ctx, func(ctx context.Context) error {
		return s.each(ctx, statement, []any{p.String(), isSo}, []any{&left}, nil)
	}, "let servers charge for %s", p)
	return left, err
}

// Restore registers c.Intent for an invoice whose claim was forgotten: a claim that nobody holds,
// of at least this generation. If a PaymentIntent is registered, that stays.
func (s *Store) Restore(ctx context.Context, c billing.Claim) error {
	kept := func(column string) string {
		return column + ` = CASE WHEN claims.payment_intent IS NULL
			THEN excluded.` + column + ` ELSE claims.` + column + ` END`
	}
	statement := `
		INSERT INTO claims (period, subscription, generation, owner, lease_until,
			payment_intent, intent_customer, intent_amount_minor, intent_currency)
		VALUES ($1, $2, $3, '', now(), $4, $5, $6, $7)
		ON CONFLICT (period, subscription) DO UPDATE SET
			generation = greatest(claims.generation, excluded.generation), ` +
		kept("payment_intent") + `, ` + kept("intent_customer") + `, ` +
		kept("intent_amount_minor") + `, ` + kept("intent_currency")
	i := c.Intent
	return s.retry(ctx, func(ctx context.Context) error {
		return s.each(ctx, statement, []any{
			c.Invoice.Period.String(), c.Invoice.Subscription.ID, c.Generation,
			i.ID, i.Customer, i.AmountMinor, i.Currency,
		}, nil, nil)
	}, "restore the claim of %s", c.Invoice)
}
