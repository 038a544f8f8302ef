package ledger

import (
	"context"

	"github.com/jackc/pgx/v5"

	"example.com/triplecharge/billing"
)

// Account is all that the ledger has of one invoice, for those who compare it with Stripe.
type Account struct {
	Subscription string
	DueMinor     int64  // the subscription's amount as it is now; 0 if it is gone
	Currency     string // likewise; "" if it is gone
	Customer     string // likewise, cus_…
	Charges      []ChargeEntry
	Refunds      []Refund
	Claim        ClaimState
}

// ChargeEntry is a charge as it was recorded.
type ChargeEntry struct {
	PaymentIntent string
	AmountMinor   int64
	Currency      string
}

// ClaimState is what is known of an invoice's claim; its zero value is that of an invoice that was
// never claimed.
type ClaimState struct {
	// Taken says that a server took the claim and, as far as can be told, did not give it back: its
	// request may have gone out, whether or not the claim's lease has expired since.
	Taken  bool
	Held   bool   // the lease has not expired
	Intent string // the PaymentIntent that is registered; "" if none is
}

// accountsQuery reads a page of accounts, a row for each thing there is about an invoice, as of one
// moment. IDs are looked for in all tables that can have them: an invoice may have been charged
// whose subscription is gone. The page ends with the ID at which the first of the tables has given
// so many rows as were asked for, or at the end of all.
//
// It compares whole keys, and not the period alone, to find that end: of a month that has just
// begun, Postgres' statistics know nothing yet, so that it would expect a row or two, and sort a
// million for each page.
//
// A claim was given back if its lease ends where the pause after its last decline begins. If the
// customer has another card since, it may have been taken again, for the new card doesn't wait for
// that pause to end.
const accountsQuery = `
	WITH last AS (
		SELECT coalesce(min(id), $4) AS id FROM (
			(SELECT $1 AS period, id FROM subscriptions WHERE id > $2
				ORDER BY id OFFSET $3 - 1 LIMIT 1)
			UNION ALL
			(SELECT period, subscription FROM entries WHERE (period, subscription) > ($1, $2)
				ORDER BY period, subscription OFFSET $3 - 1 LIMIT 1)
			UNION ALL
			(SELECT period, subscription FROM claims WHERE (period, subscription) > ($1, $2)
				ORDER BY period, subscription OFFSET $3 - 1 LIMIT 1)
		) AS ends WHERE period = $1
	)
	SELECT subscription, kind, stripe_id, refund, amount_minor, currency, taken, held FROM (
		SELECT id AS subscription, 0 AS nr, 'due' AS kind, customer AS stripe_id, '' AS refund,
			amount_minor, currency, false AS taken, false AS held
		FROM subscriptions WHERE id > $2 AND id <= (SELECT id FROM last)
		UNION ALL
		SELECT subscription, id, kind, payment_intent, coalesce(refund, ''),
			amount_minor, currency, false, false
		FROM entries
		WHERE period = $1 AND subscription > $2 AND subscription <= (SELECT id FROM last)
		UNION ALL
		SELECT subscription, 0, 'claim', coalesce(payment_intent, ''), '', 0, '',
			NOT (declines > 0 AND lease_until <= next_attempt AND declined_card IS NOT DISTINCT FROM
				(SELECT payment_method FROM subscriptions WHERE id = subscription)),
			lease_until > now()
		FROM claims
		WHERE period = $1 AND subscription > $2 AND subscription <= (SELECT id FROM last)
	) AS page ORDER BY subscription, nr`

// behindAllIDs is greater than any ID, by its bytes.
const behindAllIDs = "\U0010FFFF"

// Accounts returns the next accounts of a billing period behind the ID after ("" for the first), in
// the order of their subscriptions' IDs: about limit of them; none at the end. There is one for
// each subscription that there is, and for each that has entries or a claim. A page costs the same
// wherever it is.
func (s *Store) Accounts(
	ctx context.Context, p billing.Period, after string, limit int,
) (page []Account, err error) {
	err = s.retry(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, accountsQuery, p.String(), after, limit, behindAllIDs)
		if err != nil {
			return err
		}
		page = nil
		var r accountRow
		_, err = pgx.ForEachRow(rows, []any{
			&r.subscription, &r.kind, &r.stripeID, &r.refund, &r.amountMinor, &r.currency,
			&r.taken, &r.held,
		}, func() error {
			if n := len(page); n == 0 || page[n-1].Subscription != r.subscription {
				page = append(page, Account{Subscription: r.subscription})
			}
			page[len(page)-1].add(r)
			return nil
		})
		return err
	}, "read the accounts of %s", p)
	return page, err
}

type accountRow struct {
	subscription, kind, stripeID, refund string
	amountMinor                          int64
	currency                             string
	taken, held                          bool
}

func (a *Account) add(r accountRow) {
	switch r.kind {
	case "due":
		a.DueMinor, a.Currency, a.Customer = r.amountMinor, r.currency, r.stripeID
	case "charge":
		a.Charges = append(a.Charges, ChargeEntry{r.stripeID, r.amountMinor, r.currency})
	case "refund":
		a.Refunds = append(a.Refunds, Refund{r.refund, r.stripeID, -r.amountMinor})
	case "claim":
		a.Claim = ClaimState{Taken: r.taken, Held: r.held, Intent: r.stripeID}
	}
}

// RecordedFor returns for which invoice (<subscription>/<period>) each of these PaymentIntents has
// a charge entry, of whatever period; those that have none are missing.
func (s *Store) RecordedFor(
	ctx context.Context, paymentIntents []string,
) (invoices map[string]string, err error) {
	const query = `
		SELECT payment_intent, subscription || '/' || period FROM entries
		WHERE kind = 'charge' AND payment_intent = ANY ($1)`
	err = s.retry(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, query, paymentIntents)
		if err != nil {
			return err
		}
		invoices = map[string]string{}
		var intent, invoice string
		_, err = pgx.ForEachRow(rows, []any{&intent, &invoice}, func() error {
			invoices[intent] = invoice
			return nil
		})
		return err
	}, "look for entries elsewhere")
	return invoices, err
}
