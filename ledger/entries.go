package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"example.com/triplecharge/billing"
)

// ErrContradiction means that a charge or refund contradicts the ledger's entries, such as by
// another amount for the same PaymentIntent. Nothing was recorded; a person has to look.
var ErrContradiction = errors.New("contradicts the ledger")

// Charged implements billing.Ledger.
func (s *Store) Charged(
	ctx context.Context, inv billing.Invoice,
) (now billing.Invoice, charged bool, err error) {
	var got current
	err = s.retry(ctx, func(ctx context.Context) error {
		got, err = s.lookups(ctx, inv)
		return err
	}, "ask whether %s is charged", inv)
	s.acked.entry(got.charge)
	return got.of(inv), got.charge != "", err
}

// current is an invoice's present state.
type current struct {
	charge       string               // its PaymentIntent, or one of them; "" if it is not charged
	subscription billing.Subscription // its customer is "" if it is gone
}

// of returns the invoice as it is now, or as it was listed if its subscription is gone.
func (c current) of(listed billing.Invoice) billing.Invoice {
	if c.subscription.Customer != "" {
		listed.Subscription = c.subscription
	}
	return listed
}

// chargedAmong looks up each invoice by index, however many Postgres expects: for an EXISTS it
// might read the whole table. It fails where the ledger can't be written, since the caller is about
// to charge.
func (s *Store) chargedAmong(
	ctx context.Context, invoices []billing.Invoice,
) (map[string]current, error) {
	const query = `
		SELECT given.period, given.subscription, coalesce((
			SELECT payment_intent FROM entries
			WHERE entries.period = given.period AND entries.subscription = given.subscription
				AND kind = 'charge'
			LIMIT 1), ''), current_setting('transaction_read_only')::bool,
			coalesce(customer, ''), coalesce(payment_method, ''), coalesce(amount_minor, 0),
			coalesce(currency, '')
		FROM unnest($1::text[], $2::text[]) AS given (period, subscription)
		LEFT JOIN subscriptions ON subscriptions.id = given.subscription`
	periods, subscriptions := invoiceColumns(invoices, itself)
	answers := make(map[string]current, len(invoices))
	var (
		period   string
		got      current
		readOnly bool
	)
	now := &got.subscription
	err := s.ask(ctx, query, []any{periods, subscriptions}, []any{
		&period, &now.ID, &got.charge, &readOnly,
		&now.Customer, &now.PaymentMethod, &now.AmountMinor, &now.Currency,
	}, func() { answers[rowKey(now.ID, period)] = got })
	if err == nil && readOnly {
		err = errReadOnly
	}
	return answers, err
}

// Record implements billing.Ledger. It returns nil once the entry is committed, by this call or
// another. If the PaymentIntent has an entry with another invoice, amount or currency, the error is
// ErrContradiction.
func (s *Store) Record(ctx context.Context, c billing.Charge) error {
	return s.record(ctx, recording{Charge: c})
}

// recording is a charge to record.
type recording struct {
	billing.Charge
	token *int64 // the server's fencing token; nil without a fence
}

// recorded is the outcome of a recording.
type recorded struct {
	exists bool // the ledger has the entry
	stale  bool // a later token was issued, so no entry was added
}

func (s *Store) record(ctx context.Context, r recording) error {
	what := fmt.Sprintf("record charge %s of %s", r.PaymentIntent, r.Invoice)
	if r.token != nil {
		what += fmt.Sprintf(" under fencing token %d", *r.token)
	}
	var got recorded
	err := s.retry(ctx, func(ctx context.Context) (err error) {
		got, err = s.records(ctx, r)
		return err
	}, "%s", what)
	switch {
	case err != nil:
		return err
	case got.exists:
		s.acked.entry(r.PaymentIntent)
		return nil
	case got.stale:
		return fmt.Errorf("%s: %w", what, billing.ErrStale)
	}
	return fmt.Errorf("%s: %w", what, ErrContradiction)
}

// The columns of a charge, in the order of chargeColumns' arguments.
const (
	givenColumns  = `payment_intent, subscription, period, amount_minor, currency`
	givenArgs     = `$1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[]`
	recorderArg   = `$6`
	tokenArg      = `$7` // NULL for a charge without a fence
	insertCharges = `
		WITH checked AS (
			SELECT *, CASE WHEN token IS NULL THEN true ELSE coalesce((
				SELECT fences.token <= given.token FROM fences
				WHERE fences.period = given.period AND fences.subscription = given.subscription
				FOR SHARE), false) END AS newest
			FROM (
				SELECT * FROM unnest(` + givenArgs + `, ` + tokenArg + `::bigint[])
					AS given (` + givenColumns + `, token)
				ORDER BY subscription, period
			) AS given
		), added AS (
			INSERT INTO entries (kind, recorded_by, ` + givenColumns + `)
			SELECT 'charge', ` + recorderArg + `, ` + givenColumns + ` FROM checked WHERE newest
			ORDER BY payment_intent
			ON CONFLICT (payment_intent) WHERE kind = 'charge' DO NOTHING
			RETURNING payment_intent
		)
		SELECT payment_intent, payment_intent IN (SELECT payment_intent FROM added), NOT newest
		FROM checked`
	findCharges = `
		SELECT payment_intent
		FROM unnest(` + givenArgs + `) AS given (` + givenColumns + `)
		WHERE (
			SELECT entries.subscription = given.subscription AND entries.period = given.period
				AND entries.amount_minor = given.amount_minor AND entries.currency = given.currency
			FROM entries
			WHERE kind = 'charge' AND entries.payment_intent = given.payment_intent
			LIMIT 1)`
)

// chargeColumns returns the arguments for givenColumns, with which a statement's arguments begin.
func chargeColumns(all []recording) []any {
	periods, subscriptions := invoiceColumns(all,
		func(c recording) billing.Invoice { return c.Invoice })
	return []any{
		column(all, thePaymentIntent), subscriptions, periods,
		column(all, func(c recording) int64 { return c.AmountMinor }),
		column(all, func(c recording) string { return c.Currency }),
	}
}

func thePaymentIntent(c recording) string { return c.PaymentIntent }

// recordAll adds missing entries and returns the outcomes by PaymentIntent.
//
// For a charge under a token, insertCharges locks the fence's row until the entry is committed.
// Raising the fence waits for this, so the next server sees the entry. Existing entries need a
// second statement, since the first doesn't see what other servers committed while it ran.
func (s *Store) recordAll(ctx context.Context, all []recording) (map[string]recorded, error) {
	outcomes := make(map[string]recorded, len(all))
	var (
		intent  string
		outcome recorded
	)
	err := s.each(ctx, insertCharges,
		append(chargeColumns(all), s.recorder,
			column(all, func(c recording) *int64 { return c.token })),
		[]any{&intent, &outcome.exists, &outcome.stale}, func() { outcomes[intent] = outcome })
	if err != nil {
		return nil, err
	}
	missing := slices.DeleteFunc(slices.Clone(all), func(c recording) bool {
		return outcomes[c.PaymentIntent].exists
	})
	if len(missing) == 0 {
		return outcomes, nil
	}
	return outcomes, s.each(ctx, findCharges, chargeColumns(missing), []any{&intent}, func() {
		outcomes[intent] = recorded{exists: true}
	})
}

// Refund is money returned from a charge, in the charge's currency.
type Refund struct {
	ID            string // Stripe's, re_…
	PaymentIntent string // of the charge, pi_…
	AmountMinor   int64  // positive
	Reversed      bool   // it failed since, and the ledger knows
}

// byHand begins the ID of a refund that is not Stripe's.
const byHand = "by-hand/"

// ByHand returns the refund of a charge that was given back outside of Stripe: the recorded one, or
// else a new one. A recorded one that was reversed stays so, and another takes its place.
func (s *Store) ByHand(
	ctx context.Context, paymentIntent string, amountMinor int64,
) (r Refund, err error) {
	const query = `
		WITH latest AS (
			SELECT $1::text || coalesce('/' || nullif(count(*), 0)::text, '') AS id FROM entries
			WHERE kind = 'reversal' AND starts_with(refund, $1) AND payment_intent = $2
		)
		SELECT latest.id, $2::text, coalesce(
			(SELECT -amount_minor FROM entries WHERE kind = 'refund' AND refund = latest.id), $3)
		FROM latest`
	err = s.retry(ctx, func(ctx context.Context) error {
		return s.each(ctx, query, []any{byHand + paymentIntent, paymentIntent, amountMinor},
			[]any{&r.ID, &r.PaymentIntent, &r.AmountMinor}, nil)
	}, "look up what was given back of charge %s", paymentIntent)
	return r, err
}

// IsByHand reports whether the money was given back outside of Stripe.
func (r Refund) IsByHand() bool { return strings.HasPrefix(r.ID, byHand) }

// RecordRefund records a refund. Recording the same refund again adds nothing. The charge must have
// an entry, which names the invoice. The error is ErrContradiction if it has none, or if the refund
// has an entry with another charge or amount. With r.Reversed, it records that a refund failed,
// which must have an entry.
func (s *Store) RecordRefund(ctx context.Context, r Refund) error {
	kind, of, amount := "refund", "kind = 'charge' AND payment_intent = $2", -r.AmountMinor
	if r.Reversed {
		kind, amount = "reversal", r.AmountMinor
		of = "kind = 'refund' AND refund = $1 AND payment_intent = $2 " +
			"AND amount_minor = -$3::bigint"
	}
	statement := fmt.Sprintf(`
		WITH added AS (
			INSERT INTO entries (kind, refund, payment_intent, subscription, period,
				amount_minor, currency, recorded_by)
			SELECT '%[1]s', $1, payment_intent, subscription, period, $3::bigint, currency, $4
			FROM entries
			WHERE %[2]s
			ON CONFLICT (refund) WHERE kind = '%[1]s' DO NOTHING
			RETURNING 1
		)
		SELECT EXISTS (SELECT FROM added) OR EXISTS (
			SELECT FROM entries
			WHERE kind = '%[1]s' AND refund = $1 AND payment_intent = $2
				AND amount_minor = $3::bigint)`, kind, of)
	var has bool
	err := s.retry(ctx, func(ctx context.Context) (err error) {
		// A statement doesn't see what other calls committed while it ran. If that was this entry,
		// a second try finds it.
		for range 2 {
			err = s.each(ctx, statement,
				[]any{r.ID, r.PaymentIntent, amount, s.recorder}, []any{&has}, nil)
			if err != nil || has {
				break
			}
		}
		return err
	}, "record %s %s of charge %s", kind, r.ID, r.PaymentIntent)
	if err == nil && !has {
		err = fmt.Errorf("record %s %s of charge %s: %w", kind, r.ID, r.PaymentIntent,
			ErrContradiction)
	}
	return err
}
