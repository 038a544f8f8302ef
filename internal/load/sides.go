package load

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/fleet"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/ledger"
)

// bothSides are Stripe and the ledger, by which a run is judged.
type bothSides struct {
	store  *ledger.Store
	sim    *fleet.Simulator
	client *stripecharge.Client
	period billing.Period
	tag    string // in each subscription's ID, since others may use the same Redis
}

// lockPrefix begins the keys of this run's locks.
func (b bothSides) lockPrefix() string { return "load-" + b.tag + ":" }

// leases is a pattern that matches the keys of this run's leases and no others.
func (b bothSides) leases() string {
	all := billing.Subscription{ID: "sub-" + b.tag + "-*"}
	return b.lockPrefix() + billing.Invoice{Subscription: all, Period: b.period}.LockKey()
}

const (
	// customersAtMost is how many customers share all the subscriptions: to create a million
	// customers would take longer than to bill them, and make no difference to the run.
	customersAtMost = 1000
	// setUpAtOnce is how many requests the simulator can execute at the same time.
	setUpAtOnce = 8
	// insertAtOnce bounds the rows of one statement.
	insertAtOnce = 10_000
)

// open creates the customers at Stripe and their subscriptions in the ledger.
func (b bothSides) open(ctx context.Context, subscriptions int) error {
	customers := make([]billing.Subscription, min(subscriptions, customersAtMost))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(setUpAtOnce)
	for i := range customers {
		group.Go(func() (err error) {
			name := fmt.Sprintf("customer-%s-%04d", b.tag, i)
			customers[i], err = b.client.SetUp(groupCtx, billing.Subscription{
				ID: name, Customer: name, PaymentMethod: "pm_card_visa",
			})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	var some []billing.Subscription
	for i := range subscriptions {
		s := customers[i%len(customers)]
		s.ID = fmt.Sprintf("sub-%s-%07d", b.tag, i)
		s.AmountMinor, s.Currency = amountOf(i), currency
		if some = append(some, s); len(some) == insertAtOnce || i == subscriptions-1 {
			if err := b.store.AddSubscriptions(ctx, some); err != nil {
				return err
			}
			some = some[:0]
		}
	}
	return nil
}

const currency = "usd"

// amountOf makes amounts differ, so that the audit notices an entry for another invoice's charge.
func amountOf(i int) int64 { return 500 + int64(i%97)*10 }

// unbilled returns how many invoices have no charge in the ledger.
func (b bothSides) unbilled(ctx context.Context) (n int, err error) {
	a, err := b.store.Audit(ctx, b.period)
	for _, line := range a.Invoices {
		if line.Charges == 0 {
			n++
		}
	}
	return n, err
}

func (b bothSides) audit(ctx context.Context) (reconcile.Tally, error) {
	return reconcile.Audit(ctx, b.store, b.period,
		func(yield func(stripecharge.Intent, error) bool) {
			for c, err := range b.sim.Control.EachChargeSoFar(ctx) {
				charge := stripecharge.Intent{
					Ledger:       c.Metadata["ledger"],
					Subscription: c.Subscription, Period: c.Period, Currency: c.Currency,
					AmountMinor: c.AmountMinor, RemainingMinor: c.AmountMinor,
				}
				if !yield(charge, err) {
					return
				}
			}
		})
}
