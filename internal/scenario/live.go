package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/verdicts"
)

// Live is one mode met by one fault, to be watched and looked into: its books can be read while it
// is played and afterwards, and what is wrong in them put right. Its Play may be called once;
// its other methods may be called meanwhile, and from several goroutines.
type Live struct {
	play *play
}

// Begin brings a cell to the moment before midnight. Unlike PlayCell's, the cell has no quiet run,
// and what it has charged and recorded stays until it is closed. An error leaves nothing behind.
func (st Stage) Begin(ctx context.Context, mode string, f verdicts.Fault) (*Live, error) {
	expected, ok := verdicts.Expected(mode, f, threeServers)
	if !ok || !expected.Applies {
		return nil, fmt.Errorf("%s under %s can't be played: %s", mode, f, expected.Why)
	}
	p, err := st.stage(ctx, mode, f)
	l := &Live{p}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s under %s: %w", mode, f, err), l.Close())
	}
	return l, nil
}

// Play plays the fault, and ends the servers. By then all that happened has been told.
func (l *Live) Play(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, cellLimit,
		fmt.Errorf("the scenario did not end within %v", cellLimit))
	defer cancel()
	p := l.play
	defer p.stopServers()
	err := scripts()[p.Fault](ctx, p)
	if err == nil {
		err = p.awaitCharges(ctx)
	}
	if err != nil {
		return fmt.Errorf("%s under %s: %w", p.Mode, p.Fault, err)
	}
	return nil
}

// Invoice is one invoice as both sides have it.
type Invoice struct {
	reconcile.Invoice
	Customer string // what the customer is called
}

// Invoices reads both sides and changes nothing.
func (l *Live) Invoices(ctx context.Context) ([]Invoice, error) {
	return l.play.books.invoices(ctx)
}

// Reconcile records what is missing and refunds what is too much, and tells what it has done.
func (l *Live) Reconcile(ctx context.Context) ([]reconcile.Done, error) {
	return l.play.books.reconcile(ctx)
}

// Close drops what the run has charged and recorded, and ends what is still there of it.
func (l *Live) Close() error {
	l.play.end()
	if l.play.database == "" {
		return nil
	}
	return l.play.Services.DropDatabase(context.Background(), l.play.database)
}

// reconciler compares the two sides.
func (b *books) reconciler() reconcile.Reconciler {
	return reconcile.Reconciler{Ledger: b.store, Stripe: b.stripe}
}

// window is from the run's beginning on: where Stripe's clock was set forward, without an end.
func (b *books) window() reconcile.Window {
	return reconcile.Window{Since: b.began.Add(-clockSkew).Truncate(time.Second)}
}

// invoices reads what each of the run's invoices has, from both sides.
func (b *books) invoices(ctx context.Context) ([]Invoice, error) {
	report, err := b.reconciler().Compare(ctx, b.period, b.window())
	if err != nil {
		return nil, err
	}
	return b.ours(report), nil
}

// ours are the invoices of this run, in the order in which its subscriptions were given.
func (b *books) ours(report reconcile.Report) []Invoice {
	found := map[string]reconcile.Invoice{}
	for _, i := range report.Invoices {
		found[i.Subscription] = i
	}
	var invoices []Invoice
	for _, s := range b.subscriptions {
		if i, ok := found[b.id(s)]; ok {
			invoices = append(invoices, Invoice{i, s.Customer})
		}
	}
	return invoices
}

// reconcile puts right what is wrong in the run's period.
func (b *books) reconcile(ctx context.Context) ([]reconcile.Done, error) {
	outcome, err := b.reconciler().Run(ctx, reconcile.Job{
		Period: b.period, Window: b.window(), Apply: true,
	})
	return outcome.Done, err
}
