package ledger

import (
	"context"

	"example.com/triplecharge/billing"
)

// Account is all that the ledger has about one invoice, for comparison with Stripe.
type Account struct {
	Subscription string
	DueMinor     int64  // the subscription's current amount; 0 if it is gone
	Currency     string // the subscription's; "" if it is gone
	Customer     string // the subscription's, cus_…; "" if it is gone
	Charges      []ChargeEntry
	Refunds      []Refund
	Claim        ClaimState
}

// ChargeEntry is a recorded charge.
type ChargeEntry struct {
	PaymentIntent string
	AmountMinor   int64
	Currency      string
}

// ClaimState is the state of an invoice's claim. The zero value means that it was never claimed.
type ClaimState struct {
	// Taken means that a server took the claim and apparently did not give it back. Its request may
	// have been sent, even if the claim's lease has expired.
	Taken      bool
	Held       bool   // the lease has not expired
	Intent     string // the registered PaymentIntent; "" if there is none
	Generation int64
}

// accountsQuery reads a page of accounts in one snapshot, with a row for each subscription, entry
// and claim. It looks for IDs in all three tables, since a charged invoice's subscription may be
// gone. A page ends at the ID where the first table reaches the limit, or at the end of all tables.
//
// To find that end it compares whole keys, not the period alone: at the start of a month Postgres'
// statistics lack the period, so it would expect a row or two, and sort a million for each page.
//
// A claim was given back if its lease ended by the end of the pause after its last decline. But if
// the customer has a new card since, the claim may have been taken again, since a new card skips
// the pause.
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
		SELECT subscription, 0, 'claim', coalesce(payment_intent, ''), '', generation, '',
			NOT (declines > 0 AND lease_until <= next_attempt AND declined_card IS NOT DISTINCT FROM
				(SELECT payment_method FROM subscriptions WHERE id = subscription)),
			lease_until > now()
		FROM claims
		WHERE period = $1 AND subscription > $2 AND subscription <= (SELECT id FROM last)
	) AS page ORDER BY subscription, nr`

// afterAllIDs sorts after every ID, by bytes.
const afterAllIDs = "\U0010FFFF"

// Accounts returns about limit accounts of a billing period, in the order of their subscriptions'
// IDs, starting after the ID after ("" for the first); none at the end. Every subscription has an
// account, and so does every invoice with entries or a claim. All pages cost about the same. As
// with Audit, an old primary may answer. Whoever acts on an account relies on what Stripe says now,
// and on calls that do nothing the second time.
func (s *Store) Accounts(
	ctx context.Context, p billing.Period, after string, limit int,
) (page []Account, err error) {
	err = s.retry(ctx, func(ctx context.Context) error {
		page = nil
		var r accountRow
		return s.each(ctx, accountsQuery, []any{p.String(), after, limit, afterAllIDs}, []any{
			&r.subscription, &r.kind, &r.stripeID, &r.refund, &r.amountMinor, &r.currency,
			&r.taken, &r.held,
		}, func() {
			if n := len(page); n == 0 || page[n-1].Subscription != r.subscription {
				page = append(page, Account{Subscription: r.subscription})
			}
			page[len(page)-1].add(r)
		})
	}, "read the accounts of %s", p)
	return page, err
}

type accountRow struct {
	subscription, kind, stripeID, refund string
	amountMinor                          int64 // of a claim: its generation
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
		a.Refunds = append(a.Refunds, Refund{r.refund, r.stripeID, -r.amountMinor, false})
	case "reversal":
		for n := range a.Refunds {
			a.Refunds[n].Reversed = a.Refunds[n].Reversed || a.Refunds[n].ID == r.refund
		}
	case "claim":
		a.Claim = ClaimState{r.taken, r.held, r.stripeID, r.amountMinor}
	}
}

// RecordedFor returns the invoice (<subscription>/<period>) in each PaymentIntent's charge entry,
// for any period. PaymentIntents without an entry are missing from the map.
func (s *Store) RecordedFor(
	ctx context.Context, paymentIntents []string,
) (invoices map[string]string, err error) {
	const query = `
		SELECT payment_intent, subscription || '/' || period FROM entries
		WHERE kind = 'charge' AND payment_intent = ANY ($1)`
	err = s.retry(ctx, func(ctx context.Context) error {
		invoices = map[string]string{}
		var intent, invoice string
		return s.each(ctx, query, []any{paymentIntents}, []any{&intent, &invoice},
			func() { invoices[intent] = invoice })
	}, "look for entries of PaymentIntents")
	return invoices, err
}
