package worker

import (
	"context"
	"errors"
	"slices"
	"time"

	"example.com/triplecharge/billing"
)

// passes bills what w lists, and once more what failed of it before it was charged.
func (r *runs) passes(
	ctx context.Context, w billing.Worker, p billing.Period,
) (billing.Summary, error) {
	sum, err := w.DueRun(ctx, p)
	if err == nil && r.limit > 0 {
		err = r.repeat(ctx, w, p, &sum)
	}
	r.noted() // forgets what is left: the next run's list has it
	return sum, err
}

// repeat bills the invoices once more that were noted. It tries the ones that are skipped now until
// a lease that this server could not release has expired.
func (r *runs) repeat(
	ctx context.Context, w billing.Worker, p billing.Period, sum *billing.Summary,
) (err error) {
	w.Report = func(inv billing.Invoice, outcome billing.Outcome, err error) {
		if err == nil && outcome == billing.Skipped || ctx.Err() != nil && uncharged(err) {
			r.note(inv)
		}
		r.log(inv, outcome, err)
	}
	left := r.noted()
	for until := time.Now().Add(r.lease); len(left) > 0 && err == nil; left = r.noted() {
		var s billing.Summary
		w.Invoices = &left
		s, err = w.DueRun(ctx, p)
		// All were counted as failed. What is skipped or fails again is not billed yet.
		s.Failed, s.Skipped = -(s.Billed + s.AlreadyBilled + s.Declined), 0
		sum.Add(s)
		if time.Now().After(until) {
			break
		}
		select {
		case <-time.After(triesEvery):
		case <-ctx.Done():
		}
	}
	return err
}

// mostRepeats bounds the memory for failed invoices. A hold fails no more than a run handles at a
// time; if more than this fail, a person has to look anyway.
const mostRepeats = 10_000

// note keeps an invoice that is to be billed once more.
func (r *runs) note(inv billing.Invoice) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.again) < mostRepeats {
		r.again = append(r.again, inv)
	}
}

// noted returns the invoices to be billed once more, and forgets them.
func (r *runs) noted() invoiceList {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.again
	r.again = nil
	return list
}

// uncharged reports whether an invoice that failed with err certainly took no money.
func uncharged(err error) bool {
	is := func(target error) bool { return errors.Is(err, target) }
	return !is(billing.ErrUnknown) && !is(billing.ErrDeclined) && !is(errUnrecorded) &&
		slices.ContainsFunc([]error{
			billing.ErrNotSent, billing.ErrLeaseLost, billing.ErrUnavailable, context.Canceled,
		}, is)
}

// invoiceList is a billing.Invoices that lists each invoice once.
type invoiceList []billing.Invoice

func (*invoiceList) Seek(context.Context, float64) (string, error) { return "", nil }

func (l *invoiceList) Due(
	_ context.Context, _ billing.Period, _ string, limit int,
) ([]billing.Invoice, error) {
	page := (*l)[:min(limit, len(*l))]
	*l = (*l)[len(page):]
	return page, nil
}

// beginningAt is a list in which due runs begin after the share of it, whatever they ask for.
type beginningAt struct {
	billing.Invoices
	share float64
}

func (b beginningAt) Seek(ctx context.Context, _ float64) (string, error) {
	return b.Invoices.Seek(ctx, b.share)
}
