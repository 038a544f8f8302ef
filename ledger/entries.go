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
	err = s.retry(ctx, func(ctx context.Context) error {
		charged, err = s.lookups.Do(ctx, inv)
		return err
	}, "ask whether %s is charged", inv)
	return charged, err
}

// chargedAmong looks each invoice up by the index, whatever Postgres thinks of how many there are:
// an EXISTS here might be answered by reading the whole table.
func (s *Store) chargedAmong(
	ctx context.Context, invoices []billing.Invoice,
) (map[string]bool, error) {
	const query = `
		SELECT period, subscription
		FROM unnest($1::text[], $2::text[]) AS given (period, subscription)
		WHERE (
			SELECT true FROM entries
			WHERE entries.period = given.period AND entries.subscription = given.subscription
				AND kind = 'charge'
			LIMIT 1)`
	periods, subscriptions := invoiceColumns(invoices, theInvoice)
	charged := make(map[string]bool)
	var period, subscription string
	err := s.each(ctx, query, []any{periods, subscriptions}, []any{&period, &subscription},
		func() { charged[rowKey(subscription, period)] = true })
	return charged, err
}

// Record implements billing.Ledger. It returns when the entry is committed, also if by another
// call; ErrContradiction if the PaymentIntent has an entry of another invoice, amount or currency.
func (s *Store) Record(ctx context.Context, c billing.Charge) error {
	var has bool
	err := s.retry(ctx, func(ctx context.Context) (err error) {
		has, err = s.records.Do(ctx, c)
		return err
	}, "record charge %s of %s", c.PaymentIntent, c.Invoice)
	if err == nil && !has {
		err = fmt.Errorf("record charge %s of %s: %w", c.PaymentIntent, c.Invoice, ErrContradiction)
	}
	return err
}

func thePaymentIntent(c billing.Charge) string { return c.PaymentIntent }

// record adds the entries that the ledger doesn't have yet, and says of which of the charges it has
// one now.
func (s *Store) record(ctx context.Context, charges []billing.Charge) (map[string]bool, error) {
	const statement = `
		INSERT INTO entries (kind, payment_intent, subscription, period,
			amount_minor, currency, recorded_by)
		SELECT 'charge', payment_intent, subscription, period, amount_minor, currency, $6
		FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[])
			AS given (payment_intent, subscription, period, amount_minor, currency)
		ORDER BY payment_intent
		ON CONFLICT (payment_intent) WHERE kind = 'charge' DO NOTHING
		RETURNING payment_intent`
	has := make(map[string]bool, len(charges))
	var paymentIntent string
	err := s.each(ctx, statement, append(chargeColumns(charges), s.recorder),
		[]any{&paymentIntent}, func() { has[paymentIntent] = true })
	if err != nil {
		return nil, err
	}
	return has, s.find(ctx, charges, has)
}

// chargeColumns are a statement's first five arguments: payment intents, subscriptions, periods,
// amounts and currencies.
func chargeColumns(charges []billing.Charge) []any {
	periods, subscriptions := invoiceColumns(charges,
		func(c billing.Charge) billing.Invoice { return c.Invoice })
	return []any{
		column(charges, thePaymentIntent), subscriptions, periods,
		column(charges, func(c billing.Charge) int64 { return c.AmountMinor }),
		column(charges, func(c billing.Charge) string { return c.Currency }),
	}
}

// find adds to has those charges that had an entry before, which says the same. It is a statement
// of its own: one doesn't see what was committed while it ran, by another server.
func (s *Store) find(
	ctx context.Context, charges []billing.Charge, has map[string]bool,
) error {
	if len(has) == len(charges) {
		return nil
	}
	const query = `
		SELECT payment_intent
		FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[])
			AS given (payment_intent, subscription, period, amount_minor, currency)
		WHERE (
			SELECT entries.subscription = given.subscription AND entries.period = given.period
				AND entries.amount_minor = given.amount_minor AND entries.currency = given.currency
			FROM entries
			WHERE kind = 'charge' AND entries.payment_intent = given.payment_intent
			LIMIT 1)`
	var missing []billing.Charge
	for _, c := range charges {
		if !has[c.PaymentIntent] {
			missing = append(missing, c)
		}
	}
	var paymentIntent string
	return s.each(ctx, query, chargeColumns(missing), []any{&paymentIntent},
		func() { has[paymentIntent] = true })
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
	var has bool
	err := s.retry(ctx, func(ctx context.Context) (err error) {
		// A statement doesn't see what was committed while it ran. If that was this very entry,
		// recorded by another call, a second look finds it.
		for range 2 {
			err = s.pool.QueryRow(
				ctx, statement, r.ID, r.PaymentIntent, r.AmountMinor, s.recorder).Scan(&has)
			if err != nil || has {
				break
			}
		}
		return err
	}, "record refund %s of charge %s", r.ID, r.PaymentIntent)
	if err == nil && !has {
		err = fmt.Errorf("record refund %s of charge %s: %w", r.ID, r.PaymentIntent, ErrContradiction)
	}
	return err
}
