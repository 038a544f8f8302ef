package scenario

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/ledger"
)

// bothSides are Stripe and the ledger, by which a scenario is judged, for one run's subscriptions.
type bothSides struct {
	subscriptions []billing.Subscription // as they were given
	suffix        string                 // what this run appends to their IDs
	period        billing.Period
	store         *ledger.Store
	stripe        *stripecharge.Client
	began         time.Time // by Stripe's clock; zero: when the sides are opened
}

// tag gives the run's subscriptions IDs that no other run has, where the same ledger and the same
// Stripe account serve several runs. The ID is in the metadata and in every key, so yesterday's
// charges and idempotency keys don't affect today's run.
func (b *bothSides) tag() { b.suffix = "-" + strings.ToLower(rand.Text()[:8]) }

func (b *bothSides) id(s billing.Subscription) string { return s.ID + b.suffix }

// setUpAtOnce is how many customers are set up at the same time: a sandbox of Stripe's takes 25
// requests a second (https://docs.stripe.com/rate-limits).
const setUpAtOnce = 8

// open creates the customers at Stripe and their subscriptions in the ledger.
func (b *bothSides) open(ctx context.Context) error {
	if b.began.IsZero() {
		b.began = time.Now()
	}
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

func (b *bothSides) close() {
	if b.store != nil {
		b.store.Close()
	}
	if b.stripe != nil {
		b.stripe.Close()
	}
}

// clockSkew is how late Stripe's clock may be. The run's charges are listed from this long before
// its start; their subscriptions distinguish them from others.
const clockSkew = 10 * time.Minute

// reconciler compares the two sides.
func (b *bothSides) reconciler() reconcile.Reconciler {
	return reconcile.Reconciler{Ledger: b.store, Stripe: b.stripe}
}

// window starts with the run. It has no end, since a fault may set Stripe's clock forward.
func (b *bothSides) window() reconcile.Window {
	return reconcile.Window{Since: b.began.Add(-clockSkew).Truncate(time.Second)}
}

// Invoices reads both sides of each of the run's invoices, in the order in which its subscriptions
// were given, and changes nothing.
func (b *bothSides) Invoices(ctx context.Context) ([]reconcile.Invoice, error) {
	report, err := b.reconciler().Compare(ctx, b.period, b.window())
	if err != nil {
		return nil, err
	}
	found := map[string]reconcile.Invoice{}
	for _, i := range report.Invoices {
		found[i.Subscription] = i
	}
	var invoices []reconcile.Invoice
	for _, s := range b.subscriptions {
		invoices = append(invoices, found[b.id(s)])
	}
	return invoices, nil
}

// accounts is Invoices with the subscriptions' IDs as they were given.
func (b *bothSides) accounts(ctx context.Context) ([]reconcile.Invoice, error) {
	invoices, err := b.Invoices(ctx)
	for n := range invoices {
		invoices[n].Subscription = b.subscriptions[n].ID
	}
	return invoices, err
}

// Reconcile records what is missing in the run's period, refunds what is too much, and returns what
// it has done.
func (b *bothSides) Reconcile(ctx context.Context) ([]reconcile.Done, error) {
	outcome, err := b.reconciler().Run(ctx, reconcile.Job{
		Period: b.period, Window: b.window(), Apply: true,
	})
	return outcome.Done, err
}

// edit changes every subscription, and sets up at Stripe what has changed there.
func (b *bothSides) edit(ctx context.Context, change func(*billing.Subscription)) error {
	page, err := b.store.Due(ctx, b.period, "", len(b.subscriptions))
	if err != nil {
		return err
	}
	var edited []billing.Subscription
	for _, inv := range page {
		s := inv.Subscription
		change(&s)
		if s.PaymentMethod != inv.Subscription.PaymentMethod {
			set := s
			set.ID += "-" + rand.Text() // SetUp is idempotent per subscription
			if set, err = b.stripe.SetUp(ctx, set); err != nil {
				return err
			}
			s.Customer, s.PaymentMethod = set.Customer, set.PaymentMethod
		}
		edited = append(edited, s)
	}
	return b.store.AddSubscriptions(ctx, edited)
}
