package ledger

import (
	"context"

	"github.com/jackc/pgx/v5"

	"example.com/triplecharge/billing"
)

// Uncharged is the list of the invoices due without those that are known to be charged, for modes
// that would find that out one by one. A server that comes to where another one has been passes
// over its pages as a whole.
//
// It serves one walk at a time, which begins and ends where Seek has said. The list's last page,
// which is short, is left as it is: what is in it is for the mode to say.
type Uncharged struct {
	store   *Store
	skipped func(n int)
	begin   string
	round   bool // the walk has come to the list's end, and goes on at its beginning
}

var _ billing.Invoices = (*Uncharged)(nil)

// Uncharged returns the list. skipped is told how many invoices have been left out; it may be nil.
func (s *Store) Uncharged(skipped func(n int)) *Uncharged {
	if skipped == nil {
		skipped = func(int) {}
	}
	return &Uncharged{store: s, skipped: skipped}
}

// Seek implements billing.Invoices.
func (u *Uncharged) Seek(ctx context.Context, share float64) (after string, err error) {
	u.begin, err = u.store.Seek(ctx, share)
	u.round = false
	return u.begin, err
}

// Due implements billing.Invoices. What is charged while it asks is listed or not, as it happens.
func (u *Uncharged) Due(
	ctx context.Context, p billing.Period, after string, limit int,
) (list []billing.Invoice, err error) {
	skipped, last := 0, ""
	if after < u.begin {
		u.round = true
	}
	if u.round {
		last = u.begin // past this it is where it began
	}
	for {
		page, err := u.store.page(ctx, p, after, limit)
		if err != nil {
			return nil, err
		}
		full := len(page) == limit
		for _, d := range page {
			if last != "" && d.Subscription.ID > last {
				full = false
				break
			}
			after = d.Subscription.ID
			if d.charged && full {
				skipped++
			} else if list = append(list, d.Invoice); len(list) == limit {
				break
			}
		}
		if !full || len(list) == limit {
			u.skipped(skipped)
			return list, nil
		}
	}
}

// due is an invoice, and whether the ledger has a charge of it.
type due struct {
	billing.Invoice
	charged bool
}

// page is a range of the list. Each invoice is looked up by the index: an EXISTS here might be
// answered by joining both tables as a whole.
func (s *Store) page(
	ctx context.Context, p billing.Period, after string, limit int,
) (page []due, err error) {
	const query = `
		SELECT id, customer, payment_method, amount_minor, currency, coalesce((
			SELECT true FROM entries
			WHERE entries.period = $3 AND entries.subscription = subscriptions.id AND kind = 'charge'
			LIMIT 1), false)
		FROM subscriptions
		WHERE id > $1
		ORDER BY id
		LIMIT $2`
	err = s.retry(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, query, after, limit, p.String())
		if err != nil {
			return err
		}
		page, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (due, error) {
			d := due{Invoice: billing.Invoice{Period: p}}
			sub := &d.Subscription
			err := row.Scan(&sub.ID, &sub.Customer, &sub.PaymentMethod, &sub.AmountMinor,
				&sub.Currency, &d.charged)
			return d, err
		})
		return err
	}, "list the invoices due")
	return page, err
}
