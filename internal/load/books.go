package load

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/ledger"
)

// books are the two sides that a run is judged by.
type books struct {
	store  *ledger.Store
	sim    *stripe
	period billing.Period
	tag    string // in each subscription's ID: the Redis may be somebody's
}

func newBooks(store *ledger.Store, sim *stripe, p billing.Period) books {
	return books{store, sim, p, strings.ToLower(rand.Text()[:8])}
}

// leases matches the keys of all leases on the run's invoices, and no others.
func (b books) leases() string {
	return billing.Invoice{Subscription: billing.Subscription{ID: "sub-" + b.tag + "-*"},
		Period: b.period}.LockKey()
}

const (
	// customersAtMost have all the subscriptions between them: to make a million customers would
	// take longer than to bill them, and changes nothing about that.
	customersAtMost = 1000
	// setUpAtOnce is as many requests as the simulator can work on.
	setUpAtOnce = 8
	// insertAtOnce bounds a statement.
	insertAtOnce = 10_000
)

// open makes the customers at Stripe and their subscriptions in the ledger.
func (b books) open(ctx context.Context, subscriptions int) error {
	customers := make([]billing.Subscription, min(subscriptions, customersAtMost))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(setUpAtOnce)
	for i := range customers {
		group.Go(func() (err error) {
			name := fmt.Sprintf("customer-%s-%04d", b.tag, i)
			customers[i], err = b.sim.client.SetUp(groupCtx, billing.Subscription{
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
		s.AmountMinor, s.Currency = amountOf(i), "usd"
		if some = append(some, s); len(some) == insertAtOnce || i == subscriptions-1 {
			if err := b.store.AddSubscriptions(ctx, some); err != nil {
				return err
			}
			some = some[:0]
		}
	}
	return nil
}

// amountOf makes amounts differ, so that an entry of another invoice's charge would show.
func amountOf(i int) int64 { return 500 + int64(i%97)*10 }

// unbilled is how many invoices have no charge in the ledger.
func (b books) unbilled(ctx context.Context) (n int, err error) {
	a, err := b.store.Audit(ctx, b.period)
	for _, line := range a.Invoices {
		if line.Charges == 0 {
			n++
		}
	}
	return n, err
}

// Audit is what both sides say of the run's invoices.
type Audit struct {
	Invoices                             int
	Charges, Entries                     int // at Stripe, in the ledger
	DueMinor, ChargedMinor, EnteredMinor int64
	// Of invoices: more than one charge, none, fewer entries than charges, more entries than
	// charges. One invoice can be several of these.
	Overcharged, Unbilled, Unrecorded, Overrecorded int
}

// Exact reports whether each invoice was charged once, with its amount, and has its entry.
func (a Audit) Exact() bool {
	return a.Overcharged+a.Unbilled+a.Unrecorded+a.Overrecorded == 0 &&
		a.Charges == a.Invoices && a.Entries == a.Invoices &&
		a.ChargedMinor == a.DueMinor && a.EnteredMinor == a.DueMinor
}

// audit reads both sides, and compares them invoice by invoice.
func (b books) audit(ctx context.Context) (a Audit, err error) {
	charges := map[string]int{}
	for c, err := range b.sim.all(ctx) {
		if err != nil {
			return a, err
		}
		if c.Period == b.period.String() {
			charges[c.Subscription]++
			a.Charges++
			a.ChargedMinor += c.AmountMinor
		}
	}
	entered, err := b.store.Audit(ctx, b.period)
	if err != nil {
		return a, err
	}
	for _, line := range entered.Invoices {
		a.Invoices++
		a.DueMinor += line.DueMinor
		a.Entries += line.Charges
		a.EnteredMinor += line.ChargedMinor
		switch n := charges[line.Subscription]; {
		case n == 0:
			a.Unbilled++
		case n > 1:
			a.Overcharged++
		}
		if n := charges[line.Subscription] - line.Charges; n > 0 {
			a.Unrecorded++
		} else if n < 0 {
			a.Overrecorded++
		}
	}
	return a, nil
}
