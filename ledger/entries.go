package ledger

import (
	"context"
	"errors"
	"fmt"

	"example.com/triplecharge/billing"
)

// ErrContradiction: what is to be recorded contradicts what the ledger has, such as a charge by the
// same PaymentIntent with another amount. Nothing was recorded; a person has to look.
var ErrContradiction = errors.New("contradicts the ledger")

// Charged implements billing.Ledger.
func (s *Store) Charged(ctx context.Context, inv billing.Invoice) (charged bool, err error) {
	const query = `
		SELECT EXISTS (
			SELECT FROM entries WHERE period = $1 AND subscription = $2 AND kind = 'charge')`
	what := fmt.Sprintf("ask whether %s is charged", inv)
	err = s.retry(ctx, what, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, query, inv.Period.String(), inv.Subscription.ID).Scan(&charged)
	})
	return charged, err
}

// Record implements billing.Ledger. It returns when the entry is committed, also if by another
// call; ErrContradiction if the PaymentIntent has an entry of another invoice, amount or currency.
func (s *Store) Record(ctx context.Context, c billing.Charge) error {
	const statement = `
		WITH added AS (
			INSERT INTO entries (kind, payment_intent, subscription, period,
				amount_minor, currency, recorded_by)
			VALUES ('charge', $1, $2, $3, $4, $5, $6)
			ON CONFLICT (payment_intent) WHERE kind = 'charge' DO NOTHING
			RETURNING 1
		)
		SELECT EXISTS (SELECT FROM added) OR EXISTS (
			SELECT FROM entries
			WHERE kind = 'charge' AND payment_intent = $1 AND subscription = $2 AND period = $3
				AND amount_minor = $4 AND currency = $5)`
	what := fmt.Sprintf("record charge %s of %s", c.PaymentIntent, c.Invoice)
	return s.add(ctx, what, statement, c.PaymentIntent, c.Invoice.Subscription.ID,
		c.Invoice.Period.String(), c.AmountMinor, c.Currency, s.recorder)
}

// Refund is money given back of a charge, in the charge's currency.
type Refund struct {
	ID            string // Stripe's, re_…
	PaymentIntent string // of the charge, pi_…
	AmountMinor   int64  // more than zero
}

// RecordRefund adds the entry of a refund; a second call for the same refund adds nothing. The
// charge must be in the ledger, which knows the invoice from it: ErrContradiction if it is not, or
// if the refund has an entry of another charge or amount.
func (s *Store) RecordRefund(ctx context.Context, r Refund) error {
	const statement = `
		WITH added AS (
			INSERT INTO entries (kind, refund, payment_intent, subscription, period,
				amount_minor, currency, recorded_by)
			SELECT 'refund', $1, payment_intent, subscription, period, -$3::bigint, currency, $4
			FROM entries
			WHERE kind = 'charge' AND payment_intent = $2
			ON CONFLICT (refund) WHERE kind = 'refund' DO NOTHING
			RETURNING 1
		)
		SELECT EXISTS (SELECT FROM added) OR EXISTS (
			SELECT FROM entries
			WHERE kind = 'refund' AND refund = $1 AND payment_intent = $2
				AND amount_minor = -$3::bigint)`
	what := fmt.Sprintf("record refund %s of charge %s", r.ID, r.PaymentIntent)
	return s.add(ctx, what, statement, r.ID, r.PaymentIntent, r.AmountMinor, s.recorder)
}

// add runs a statement that adds an entry and says whether the ledger has it now.
func (s *Store) add(ctx context.Context, what, statement string, args ...any) error {
	var has bool
	err := s.retry(ctx, what, func(ctx context.Context) (err error) {
		// A statement doesn't see what was committed while it ran. If that was this very entry,
		// recorded by another call, a second look finds it.
		for range 2 {
			err = s.pool.QueryRow(ctx, statement, args...).Scan(&has)
			if err != nil || has {
				break
			}
		}
		return err
	})
	if err == nil && !has {
		err = fmt.Errorf("%s: %w", what, ErrContradiction)
	}
	return err
}
