package ledger

import (
	"context"
	"fmt"

	"example.com/triplecharge/billing"
)

// Fence knows the highest fencing tokens, and refuses entries under lower ones. Safe for concurrent
// use.
type Fence struct {
	store  *Store
	looks  calls[billing.Invoice, billing.Token]
	raises calls[raising, bool]
}

type raising struct {
	billing.Invoice
	token billing.Token
}

var _ billing.Fence = Fence{}

// Fence returns the store's fence.
func (s *Store) Fence() Fence {
	f := Fence{store: s}
	f.looks = batched(invoiceKey, f.look)
	f.raises = batched(func(r raising) string { return invoiceKey(r.Invoice) }, f.raise)
	return f
}

// Highest implements billing.Fence.
func (f Fence) Highest(ctx context.Context, inv billing.Invoice) (t billing.Token, err error) {
	err = f.store.retry(ctx, func(ctx context.Context) error {
		t, err = f.looks(ctx, inv)
		return err
	}, "look up the fencing token of %s", inv)
	return t, err
}

func (f Fence) look(
	ctx context.Context, invoices []billing.Invoice,
) (map[string]billing.Token, error) {
	const query = `
		SELECT period, subscription, token
		FROM unnest($1::text[], $2::text[]) AS given (period, subscription)
		JOIN fences USING (period, subscription)`
	periods, subscriptions := invoiceColumns(invoices, itself)
	tokens := make(map[string]billing.Token, len(invoices))
	var (
		period, subscription string
		token                billing.Token
	)
	err := f.store.each(ctx, query, []any{periods, subscriptions},
		[]any{&period, &subscription, &token},
		func() { tokens[rowKey(subscription, period)] = token })
	return tokens, err
}

// Raise implements billing.Fence. If an answer is lost, the repeated call finds its own token, and
// returns billing.ErrStale: the next lease's token is higher.
func (f Fence) Raise(ctx context.Context, inv billing.Invoice, token billing.Token) error {
	raised := false
	err := f.store.retry(ctx, func(ctx context.Context) (err error) {
		raised, err = f.raises(ctx, raising{inv, token})
		return err
	}, "raise the fence of %s to %d", inv, token)
	if err == nil && !raised {
		err = fmt.Errorf("raise the fence of %s to %d: %w", inv, token, billing.ErrStale)
	}
	return err
}

func (f Fence) raise(ctx context.Context, raisings []raising) (map[string]bool, error) {
	const statement = `
		INSERT INTO fences (period, subscription, token)
		SELECT period, subscription, token
		FROM unnest($1::text[], $2::text[], $3::bigint[]) AS given (period, subscription, token)
		ORDER BY subscription, period
		ON CONFLICT (period, subscription) DO UPDATE SET token = excluded.token
		WHERE fences.token < excluded.token
		RETURNING period, subscription`
	periods, subscriptions := invoiceColumns(raisings,
		func(r raising) billing.Invoice { return r.Invoice })
	raised := make(map[string]bool, len(raisings))
	var period, subscription string
	err := f.store.each(ctx, statement, []any{
		periods, subscriptions, column(raisings, func(r raising) int64 { return int64(r.token) }),
	}, []any{&period, &subscription}, func() { raised[rowKey(subscription, period)] = true })
	return raised, err
}

// Record implements billing.Fence. Its errors are those of Store.Record, and billing.ErrStale if a
// higher token is known and the charge has no entry.
func (f Fence) Record(ctx context.Context, c billing.Charge, token billing.Token) error {
	return f.store.record(ctx, recording{c, (*int64)(&token)})
}
