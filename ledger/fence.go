package ledger

import (
	"context"
	"fmt"

	"example.com/triplecharge/billing"
)

// Fence issues fencing tokens and refuses the entries of those that were overtaken. It is safe for
// concurrent use.
type Fence struct {
	store   *Store
	issues  *calls[billing.Invoice, billing.Token]
	records *calls[fencedCharge, fenced]
}

var _ billing.Fence = Fence{}

// Fence returns the store's fence.
func (s *Store) Fence() Fence {
	f := Fence{store: s}
	f.issues = together(invoiceKey, f.issue)
	f.records = together(func(c fencedCharge) string { return c.PaymentIntent }, f.record)
	return f
}

// Issue implements billing.Fence. A token that was issued and never arrived is only skipped.
func (f Fence) Issue(ctx context.Context, inv billing.Invoice) (token billing.Token, err error) {
	err = f.store.retry(ctx, func(ctx context.Context) error {
		token, err = f.issues.Do(ctx, inv)
		return err
	}, "issue a fencing token for %s", inv)
	return token, err
}

func (f Fence) issue(
	ctx context.Context, invoices []billing.Invoice,
) (map[string]billing.Token, error) {
	const statement = `
		INSERT INTO fences (period, subscription, token)
		SELECT period, subscription, 1
		FROM unnest($1::text[], $2::text[]) AS given (period, subscription)
		ORDER BY subscription, period
		ON CONFLICT (period, subscription) DO UPDATE SET token = fences.token + 1
		RETURNING period, subscription, token`
	periods, subscriptions := invoiceColumns(invoices, theInvoice)
	tokens := make(map[string]billing.Token, len(invoices))
	var (
		period, subscription string
		token                billing.Token
	)
	err := f.store.each(ctx, statement, []any{periods, subscriptions},
		[]any{&period, &subscription, &token},
		func() { tokens[rowKey(subscription, period)] = token })
	return tokens, err
}

// fencedCharge is a charge to be recorded under a token; fenced says what became of it.
type (
	fencedCharge struct {
		billing.Charge
		token billing.Token
	}
	fenced struct{ has, stale bool }
)

// Record implements billing.Fence; ErrContradiction as of Store.Record. It holds the fence's row
// until the entry is committed: a token that is issued meanwhile waits, so that whoever gets it
// sees the entry.
func (f Fence) Record(ctx context.Context, c billing.Charge, token billing.Token) error {
	const what = "record charge %s of %s under fencing token %d"
	var got fenced
	err := f.store.retry(ctx, func(ctx context.Context) (err error) {
		got, err = f.records.Do(ctx, fencedCharge{c, token})
		return err
	}, what, c.PaymentIntent, c.Invoice, token)
	switch {
	case err != nil || got.has:
		return err
	case got.stale:
		return fmt.Errorf(what+": %w", c.PaymentIntent, c.Invoice, token, billing.ErrStale)
	}
	return fmt.Errorf(what+": %w", c.PaymentIntent, c.Invoice, token, ErrContradiction)
}

func (f Fence) record(
	ctx context.Context, charges []fencedCharge,
) (map[string]fenced, error) {
	const statement = `
		WITH given AS (
			SELECT given.*, fences.token <= given.token AS newest
			FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $7::bigint[])
				AS given (payment_intent, subscription, period, amount_minor, currency, token)
			JOIN fences USING (period, subscription)
			ORDER BY subscription, period
			FOR SHARE OF fences
		), added AS (
			INSERT INTO entries (kind, payment_intent, subscription, period,
				amount_minor, currency, recorded_by)
			SELECT 'charge', payment_intent, subscription, period, amount_minor, currency, $6
			FROM given WHERE newest
			ORDER BY payment_intent
			ON CONFLICT (payment_intent) WHERE kind = 'charge' DO NOTHING
			RETURNING payment_intent
		)
		SELECT payment_intent, true, false FROM added
		UNION ALL
		SELECT payment_intent, false, true FROM given WHERE newest`
	plain := column(charges, func(c fencedCharge) billing.Charge { return c.Charge })
	args := append(chargeColumns(plain), f.store.recorder,
		column(charges, func(c fencedCharge) int64 { return int64(c.token) }))
	var (
		paymentIntent  string
		added, current bool
	)
	has, newest := map[string]bool{}, map[string]bool{}
	err := f.store.each(ctx, statement, args, []any{&paymentIntent, &added, &current}, func() {
		if added {
			has[paymentIntent] = true
		} else {
			newest[paymentIntent] = true
		}
	})
	if err == nil {
		err = f.store.find(ctx, plain, has)
	}
	answers := make(map[string]fenced, len(charges))
	for _, c := range charges {
		answers[c.PaymentIntent] = fenced{has[c.PaymentIntent], !newest[c.PaymentIntent]}
	}
	return answers, err
}
