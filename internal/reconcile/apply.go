package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/money"
	"example.com/triplecharge/ledger"
)

// Job is one reconciliation.
type Job struct {
	Period billing.Period
	Window Window
	Apply  bool         // do what there is to do
	Record bool         // of that, only add entries to the ledger: refund and cancel nothing
	Waits  func()       // called if another run changes this ledger; may be nil
	Found  func(Report) // called with the first report, before anything is done; may be nil
	Done   func(Done)   // called after each action, one call at a time; may be nil
}

// Run compares both sides. With Apply or Record it then does what there is to do, and compares
// again, while no other Run does; else it changes nothing. When ctx ends, Run begins nothing
// further and returns ctx's error with the Outcome so far.
func (r Reconciler) Run(ctx context.Context, j Job) (o Outcome, err error) {
	if !j.Apply && !j.Record {
		return r.run(ctx, j)
	}
	err = r.Ledger.OneAtATime(ctx, applyLock, j.Waits, func(ctx context.Context) (err error) {
		if o, err = r.run(ctx, j); err != nil {
			err = cmp.Or(context.Cause(ctx), err) // such as that the lock was lost
		}
		return err
	})
	return o, err
}

// applyLock is held while something is refunded or recorded here.
const applyLock = "reconcile --apply"

func (r Reconciler) run(ctx context.Context, j Job) (o Outcome, err error) {
	if o.Found, err = r.Compare(ctx, j.Period, j.Window); err != nil {
		return o, err
	}
	for n, i := range o.Found.Invoices {
		if j.Record {
			o.Found.Invoices[n].ToDo = slices.DeleteFunc(i.ToDo, Action.changesStripe)
		}
	}
	if j.Found != nil {
		j.Found(o.Found)
	}
	o.OK = o.Found.OK()
	if !j.Apply && !j.Record {
		return o, nil
	}
	if o.Done, err = r.Apply(ctx, j.Period, o.Found, j.Done); err != nil {
		o.OK = false
		return o, err
	}
	if o.First, err = r.Ledger.Reconciled(ctx, j.Period, !o.lacks()); err != nil {
		return o, err
	}
	if len(o.Done) == 0 {
		return o, nil
	}
	o.OK = false
	now, err := r.Compare(ctx, j.Period, j.Window)
	if err != nil {
		return o, fmt.Errorf("compare again after applying: %w", err)
	}
	o.Now = &now
	o.OK = now.OK() // even if an action failed: somebody else may have done it
	return o, nil
}

// lacks reports whether the ledger may still lack what Stripe knows of the period's invoices.
func (o Outcome) lacks() bool {
	return o.Found.Partial ||
		slices.ContainsFunc(o.Done, func(d Done) bool { return d.Error != "" }) ||
		slices.ContainsFunc(o.Found.Unattributed, func(u Unattributed) bool {
			return u.Subscription != "" && u.Period == o.Found.Period
		})
}

// Apply does what the period's report lists, several invoices at a time, and returns the result of
// each action. It continues after a failure. When ctx ends, it finishes what it has begun, begins
// nothing further and returns ctx's error.
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

// applying is a report while it is being applied.
type applying struct {
	Reconciler
	period billing.Period
	tell   func(Done)
}

// invoice does an invoice's actions in order. It stops if an entry can't be made, so that no charge
// is refunded that the ledger does not have.
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
		if err != nil && strings.HasPrefix(string(action.Kind), "record ") {
			return
		}
	}
}

// do does one action.
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
	case RecordRefund, RecordReversal:
		return a.Ledger.RecordRefund(ctx, ledger.Refund{
			ID: action.Refund, PaymentIntent: action.PaymentIntent, AmountMinor: action.AmountMinor,
			Reversed: action.Kind == RecordReversal,
		})
	case RecordClaim:
		return a.restore(ctx, i, *action)
	case RefundCharge:
		return a.refund(ctx, i, action)
	case CancelIntent:
		_, err := a.Stripe.Cancel(ctx, action.PaymentIntent, billing.Request{})
		if errors.Is(err, billing.ErrCanceled) {
			return nil
		}
		return cmp.Or(err, errTookMoney)
	}
	return fmt.Errorf("unknown action %q", action.Kind)
}

// restore registers a PaymentIntent anew, with the generation of its claim.
func (a applying) restore(ctx context.Context, i Invoice, action Action) error {
	now, err := a.Stripe.Intent(ctx, action.PaymentIntent)
	if err != nil {
		return err
	}
	return a.Ledger.Restore(ctx, billing.Claim{
		Invoice: billing.Invoice{
			Subscription: billing.Subscription{ID: i.Subscription}, Period: a.period,
		},
		Generation: now.Generation,
		Intent: billing.Intent{
			ID: now.ID, Customer: now.Customer, AmountMinor: now.AsksMinor, Currency: now.Currency,
		},
	})
}

var errTookMoney = errors.New("it has taken money meanwhile: run again")

// finishLimit bounds the calls after a refund when ctx has ended. It is less than the 30 s that a
// process commonly gets to stop. The next run finds what was not done.
const finishLimit = 20 * time.Second

// refund refunds a duplicate and records the refunds that Stripe then has, even if ctx ends in
// between. It does not rely on the answer to the refund request: Stripe repeats that answer for a
// day, even if the refund has failed since.
func (a applying) refund(ctx context.Context, i Invoice, action *Action) error {
	kept, err := a.Stripe.Intent(ctx, i.Kept)
	if err != nil {
		return err
	}
	if kept.RemainingMinor < kept.AmountMinor || kept.AmountMinor == 0 || kept.Disputed {
		return fmt.Errorf("%s, the charge to keep, was refunded or disputed meanwhile: "+
			"nothing was refunded, run again", i.Kept)
	}
	now, err := a.Stripe.Intent(ctx, action.PaymentIntent)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(now.Refunds, unsettled) {
		return errors.New("a refund of it is pending or has failed meanwhile: run again")
	}
	_, err = a.Stripe.Refund(ctx, action.PaymentIntent)
	if err != nil && !errors.Is(err, stripecharge.ErrNothingLeft) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishLimit)
	defer cancel()
	if now, err = a.Stripe.Intent(ctx, action.PaymentIntent); err != nil {
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
			"give the customer the money in another way, then reconcile settle --payment %s",
			money.Amount(now.RemainingMinor, now.Currency), now.ID)
	}
	return nil
}

// unsettled reports whether another refund must not be made beside this one.
func unsettled(r stripecharge.Refund) bool { return r.State != stripecharge.RefundSucceeded }

// Settle records that a person gave back outside of Stripe what is left of a charge, so that it is
// neither refunded nor reported again; or, with undo, that this was a mistake. It changes nothing
// at Stripe. A second call adds nothing.
func (r Reconciler) Settle(
	ctx context.Context, paymentIntent string, undo bool,
) (amountMinor int64, currency string, err error) {
	err = r.Ledger.OneAtATime(ctx, applyLock, nil, func(ctx context.Context) error {
		i, err := r.Stripe.Intent(ctx, paymentIntent)
		pending := func(r stripecharge.Refund) bool { return r.State == stripecharge.RefundPending }
		switch {
		case err != nil:
			return err
		case i.Ledger != "" && i.Ledger != r.Ledger.ID():
			return fmt.Errorf("%s is the ledger %q's", i.ID, i.Ledger)
		case i.RemainingMinor <= 0 && !undo:
			return fmt.Errorf("nothing is left of %s, at Stripe", i.ID)
		case slices.ContainsFunc(i.Refunds, pending):
			return fmt.Errorf("a refund of %s is pending: wait until Stripe has decided", i.ID)
		}
		back, err := r.Ledger.ByHand(ctx, i.ID, i.RemainingMinor)
		if err != nil {
			return err
		}
		amountMinor, currency, back.Reversed = back.AmountMinor, i.Currency, undo
		err = r.Ledger.RecordRefund(ctx, back)
		switch {
		case errors.Is(err, ledger.ErrContradiction) && undo:
			return fmt.Errorf("%s is not settled by hand", i.ID)
		case errors.Is(err, ledger.ErrContradiction):
			return fmt.Errorf("%w: reconcile --record records the charge first", err)
		}
		return err
	})
	return amountMinor, currency, err
}
