package reconcile

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/ledger"
)

// Job is one reconciliation.
type Job struct {
	Period billing.Period
	Window Window
	Apply  bool         // false: a dry run, which changes nothing
	Found  func(Report) // told of what was found, before anything is done about it; may be nil
	Done   func(Done)   // told of each thing as it is done, one at a time; may be nil
}

// Run compares, and with Apply does what there is to do and looks again. When ctx ends, nothing
// further is begun, and Run returns ctx's error with what there is of the Outcome.
func (r Reconciler) Run(ctx context.Context, j Job) (o Outcome, err error) {
	if o.Found, err = r.Compare(ctx, j.Period, j.Window); err != nil {
		return o, err
	}
	if j.Found != nil {
		j.Found(o.Found)
	}
	o.OK = o.Found.OK()
	if !j.Apply {
		return o, nil
	}
	if o.Done, err = r.Apply(ctx, j.Period, o.Found, j.Done); err != nil {
		o.OK = false
		return o, err
	}
	if len(o.Done) == 0 {
		return o, nil
	}
	o.OK = false
	now, err := r.Compare(ctx, j.Period, j.Window)
	if err != nil {
		return o, fmt.Errorf("look again at what was done: %w", err)
	}
	o.Now = &now
	o.OK = now.OK() // also if something failed that somebody else has done
	return o, nil
}

// Apply does what a report of the period says there is to do, several invoices at a time, and
// returns what became of each thing. It goes on after one that failed; when ctx ends, it finishes
// what it has begun, begins nothing further and returns ctx's error.
func (r Reconciler) Apply(
	ctx context.Context, p billing.Period, report Report, tell func(Done),
) ([]Done, error) {
	var mu sync.Mutex
	done := []Done{}
	a := applying{r, p, func(d Done) {
		mu.Lock()
		defer mu.Unlock()
		done = append(done, d)
		if tell != nil {
			tell(d)
		}
	}}
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, i := range report.Invoices {
		if len(i.ToDo) > 0 && ctx.Err() == nil {
			group.Go(func() error { a.invoice(ctx, i); return nil })
		}
	}
	_ = group.Wait()
	return done, ctx.Err()
}

// applying is a report being put into effect.
type applying struct {
	Reconciler
	period billing.Period
	tell   func(Done)
}

// invoice does what there is to do about one invoice, in order. An entry that can't be made ends
// it: there is no refund of a charge that the ledger doesn't have.
func (a applying) invoice(ctx context.Context, i Invoice) {
	for _, action := range i.ToDo {
		if ctx.Err() != nil {
			return
		}
		d := Done{Invoice: i.String(), Action: action}
		err := a.do(ctx, i, &d.Action)
		if err != nil {
			d.Error = err.Error()
		}
		a.tell(d)
		if err != nil && (action.Kind == RecordCharge || action.Kind == RecordRefund) {
			return
		}
	}
}

// do does one thing.
func (a applying) do(ctx context.Context, i Invoice, action *Action) error {
	switch action.Kind {
	case RecordCharge:
		return a.Ledger.Record(ctx, billing.Charge{
			Invoice: billing.Invoice{
				Subscription: billing.Subscription{ID: i.Subscription}, Period: a.period,
			},
			PaymentIntent: action.PaymentIntent,
			AmountMinor:   action.AmountMinor,
			Currency:      action.Currency,
		})
	case RecordRefund:
		return a.Ledger.RecordRefund(ctx, ledger.Refund{
			ID: action.Refund, PaymentIntent: action.PaymentIntent, AmountMinor: action.AmountMinor,
		})
	case RefundCharge:
		return a.refund(ctx, i, action)
	case CancelIntent:
		return a.Stripe.Cancel(ctx, action.PaymentIntent)
	}
	return fmt.Errorf("nobody knows how to %s", action.Kind)
}

// finishLimit bounds what follows a refund when ctx has ended: less than the 30 s that a process is
// commonly given to stop. What doesn't get done is found by the next run.
const finishLimit = 20 * time.Second

// refund gives a duplicate back, and records what Stripe says then, also when ctx ends in between.
// It doesn't go by the answer to the refund itself: for a day, Stripe repeats that as it was, also
// if the refund has failed since.
func (a applying) refund(ctx context.Context, i Invoice, action *Action) error {
	kept, err := a.Stripe.Intent(ctx, i.Kept)
	if err != nil {
		return err
	}
	if kept.RemainingMinor < kept.AmountMinor || kept.AmountMinor == 0 || kept.Disputed {
		return fmt.Errorf("%s, the charge to keep, was refunded or disputed meanwhile: "+
			"nothing was refunded, run again", i.Kept)
	}
	_, err = a.Stripe.Refund(ctx, action.PaymentIntent)
	if err != nil && !errors.Is(err, stripecharge.ErrNothingLeft) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishLimit)
	defer cancel()
	now, err := a.Stripe.Intent(ctx, action.PaymentIntent)
	if err != nil {
		return err
	}
	for _, refund := range now.Refunds {
		if refund.State != stripecharge.RefundSucceeded {
			continue
		}
		action.Refund = refund.ID
		err := a.Ledger.RecordRefund(ctx, ledger.Refund{
			ID: refund.ID, PaymentIntent: now.ID, AmountMinor: refund.AmountMinor,
		})
		if err != nil {
			return err
		}
	}
	if now.RemainingMinor > 0 {
		return fmt.Errorf("%s was not given back: the refund failed; "+
			"give the customer the money in another way",
			timeline.Money(now.RemainingMinor, now.Currency))
	}
	return nil
}
