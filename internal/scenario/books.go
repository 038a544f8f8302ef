package scenario

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/ledger"
)

// books are the two sides that a scenario is judged by, for the subscriptions of one run.
type books struct {
	subscriptions []billing.Subscription // as they were given
	suffix        string                 // what this run puts behind their IDs
	period        billing.Period
	store         *ledger.Store
	stripe        *stripecharge.Client
	began         time.Time
}

// tag makes the run's subscriptions its own, where others use the same Stripe account or the same
// Redis: the ID is in the metadata and in every key, so that yesterday's run answers nothing today.
func (b *books) tag() { b.suffix = "-" + strings.ToLower(rand.Text()[:8]) }

// id is what the subscription is called in this run.
func (b *books) id(s billing.Subscription) string { return s.ID + b.suffix }

// setUpAtOnce is how many customers are set up at a time: Stripe's test mode takes 25 requests a
// second.
const setUpAtOnce = 8

// open makes the customers at Stripe and their subscriptions in the ledger.
func (b *books) open(ctx context.Context) error {
	b.began = time.Now()
	made := make([]billing.Subscription, len(b.subscriptions))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(setUpAtOnce)
	for i, s := range b.subscriptions {
		s.ID = b.id(s)
		group.Go(func() (err error) {
			made[i], err = b.stripe.SetUp(groupCtx, s)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return b.store.AddSubscriptions(ctx, made)
}

// close ends what was opened of the books.
func (b *books) close() {
	if b.store != nil {
		b.store.Close()
	}
	if b.stripe != nil {
		b.stripe.Close()
	}
}

// clockSkew is how far Stripe's clock may be behind ours: what the run charged is listed from this
// long before its beginning, and told apart by its subscriptions.
const clockSkew = 10 * time.Minute

// accounts reads what each invoice has, from both sides.
func (b *books) accounts(ctx context.Context) ([]Account, error) {
	audit, err := b.store.Audit(ctx, b.period)
	if err != nil {
		return nil, err
	}
	accounts := make([]Account, len(b.subscriptions))
	index := map[string]*Account{}
	for i, s := range b.subscriptions {
		accounts[i] = Account{
			Subscription: s.ID, Period: b.period.String(), Currency: s.Currency,
			DueMinor: s.AmountMinor,
		}
		index[b.id(s)] = &accounts[i]
	}
	for _, line := range audit.Invoices {
		if a := index[line.Subscription]; a != nil {
			a.Entries += line.Charges
			a.EnteredMinor += line.ChargedMinor
		}
	}
	for payment, err := range b.stripe.Payments(ctx, b.began.Add(-clockSkew)) {
		if err != nil {
			return nil, err
		}
		if a := index[payment.Subscription]; a != nil && payment.Period == a.Period {
			a.Charges++
			a.ChargedMinor += payment.AmountMinor
		}
	}
	return accounts, nil
}
