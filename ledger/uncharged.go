package ledger

import (
	"context"
	"time"

	"example.com/triplecharge/billing"
)

// Uncharged lists the invoices due without those known to be charged, for modes that would look up
// each invoice otherwise. A server can skip whole pages that another server has billed.
//
// It serves one due run at a time, from the place that Seek returns around to that place again. The
// last page, which is short, keeps its charged invoices: there the mode looks them up. It is not
// safe for concurrent use.
type Uncharged struct {
	store   *Store
	skipped func(n int)
	begin   string
	wrapped bool // the due run has reached the end of the list and continues at its start
	// dueBy leaves out subscriptions added later, and every charged invoice; nil: neither.
	dueBy *time.Time
}

var _ billing.Invoices = (*Uncharged)(nil)

// Uncharged returns the list. Unless nil, skipped receives the number of invoices left out of each
// page.
func (s *Store) Uncharged(skipped func(n int)) *Uncharged {
	if skipped == nil {
		skipped = func(int) {}
	}
	return &Uncharged{store: s, skipped: skipped}
}

// Seek implements billing.Invoices.
func (u *Uncharged) Seek(ctx context.Context, share float64) (after string, err error) {
	u.begin, err = u.store.Seek(ctx, share)
	u.wrapped = false
	return u.begin, err
}

// Due implements billing.Invoices. It may or may not list an invoice that is charged meanwhile.
func (u *Uncharged) Due(
	ctx context.Context, p billing.Period, after string, limit int,
) (list []billing.Invoice, err error) {
	// One range of an index, hashed, for the whole page: a look-up for each invoice costs several
	// times as much. The outer LIMIT keeps Postgres' estimate small enough for a hash table.
	const charged = `
		id IN (
			SELECT subscription FROM entries
			WHERE period = $3 AND kind = 'charge' AND subscription > $1 AND subscription <= (
				SELECT max(id) FROM (
					SELECT id FROM subscriptions WHERE id > $1 ORDER BY id LIMIT $2) AS page)
			LIMIT 10000
		) OR coalesce(added > $4, false)`
	skipped, last := 0, ""
	if after < u.begin {
		u.wrapped = true
	}
	if u.wrapped {
		last = u.begin
	}
	for {
		page, err := u.store.page(ctx, p, charged, after, limit, p.String(), u.dueBy)
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
			if d.charged && (full || u.dueBy != nil) {
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
