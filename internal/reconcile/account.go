package reconcile

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/verdict"
	"example.com/triplecharge/ledger"
)

// Account is an invoice on both sides, or the sum of several: what was due, what Stripe charged and
// what the ledger has recorded. Amounts are in the currency's smallest unit; amounts in other
// currencies are left out.
type Account struct {
	Currency string `json:"currency"`
	DueMinor int64  `json:"due_minor"` // the subscription's amount today; 0 if it is gone

	Charges       int   `json:"charges"` // at Stripe, with those that were refunded
	ChargedMinor  int64 `json:"charged_minor"`
	RefundedMinor int64 `json:"refunded_minor"` // with pending refunds

	Entries             int   `json:"entries"` // of charges, in the ledger
	EnteredMinor        int64 `json:"entered_minor"`
	EnteredRefundsMinor int64 `json:"entered_refunds_minor"`
}

// Counts returns the numbers of charges and entries.
func (a Account) Counts() verdict.Counts {
	return verdict.Counts{Charges: a.Charges, Entries: a.Entries}
}

// charge adds a charge at Stripe.
func (a *Account) charge(i stripecharge.Intent) {
	a.Charges++
	if i.Currency == a.Currency {
		a.ChargedMinor += i.AmountMinor
		a.RefundedMinor += i.AmountMinor - i.RemainingMinor
	}
}

// Tally counts invoices by verdict and adds up their accounts.
type Tally struct {
	Counts map[verdict.Word]int `json:"counts"` // of invoices; has every word
	Totals []Account            `json:"totals"` // one for each currency
}

func newTally() Tally {
	t := Tally{Counts: map[verdict.Word]int{}, Totals: []Account{}}
	for _, w := range verdict.All() {
		t.Counts[w] = 0
	}
	return t
}

func (t *Tally) add(verdicts verdict.Words, a Account) {
	for _, w := range verdicts {
		t.Counts[w]++
	}
	if a.Currency == "" {
		return
	}
	n, found := slices.BinarySearchFunc(t.Totals, a.Currency, func(t Account, c string) int {
		return cmp.Compare(t.Currency, c)
	})
	if !found {
		t.Totals = slices.Insert(t.Totals, n, Account{Currency: a.Currency})
	}
	sum := &t.Totals[n]
	sum.DueMinor += a.DueMinor
	sum.Charges += a.Charges
	sum.ChargedMinor += a.ChargedMinor
	sum.RefundedMinor += a.RefundedMinor
	sum.Entries += a.Entries
	sum.EnteredMinor += a.EnteredMinor
	sum.EnteredRefundsMinor += a.EnteredRefundsMinor
}

// Audit judges the invoices of a billing period by their counts and adds them up. Unlike Compare it
// looks nothing up and keeps only a sum for each subscription, so that it can audit millions of
// invoices. charges yields all that succeeded, in any order; it skips those of other periods and
// ledgers.
func Audit(
	ctx context.Context, store *ledger.Store, p billing.Period,
	charges iter.Seq2[stripecharge.Intent, error],
) (Tally, error) {
	t, period, atStripe := newTally(), p.String(), map[string]Account{}
	for i, err := range charges {
		if err != nil {
			return t, err
		}
		if i.Period == period && i.Ledger == store.ID() {
			a := atStripe[i.Subscription]
			a.Currency = cmp.Or(a.Currency, i.Currency)
			a.charge(i)
			atStripe[i.Subscription] = a
		}
	}
	audit, err := store.Audit(ctx, p)
	if err != nil {
		return t, err
	}
	for _, line := range audit.Invoices {
		a := atStripe[line.Subscription]
		delete(atStripe, line.Subscription)
		a.Currency, a.DueMinor, a.Entries = line.Currency, line.DueMinor, line.Charges
		a.EnteredMinor, a.EnteredRefundsMinor = line.ChargedMinor, line.RefundedMinor
		t.add(verdict.Judge(a.Counts()), a)
	}
	for _, a := range atStripe { // of subscriptions that the ledger does not know
		t.add(verdict.Judge(a.Counts()), a)
	}
	return t, nil
}
