package reconcile

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/ledger"
)

// Reconciler compares the two sides. It is safe for concurrent use, and beside others like it.
type Reconciler struct {
	Ledger *ledger.Store
	Stripe *stripecharge.Client
}

// Window is the range of times of creation of which Stripe's PaymentIntents are listed: a charge of
// another time is seen only if the ledger has an entry of it.
type Window struct {
	Since time.Time
	Until time.Time // zero: no end
}

const (
	// slackBefore is more than the time zones are apart, and any clock from another.
	slackBefore = 7 * 24 * time.Hour
	// slackAfter is for those who are charged late: December's invoice in January, once the card
	// was replaced.
	slackAfter = 31 * 24 * time.Hour
)

// DefaultWindow is from a week before the month began to a month after it ended. For a month that
// has not begun it is from a week ago: somebody is trying something out.
func DefaultWindow(p billing.Period, now time.Time) Window {
	begin, err := time.Parse("2006-01", p.String())
	if err != nil || begin.After(now) {
		begin = now
	}
	w := Window{Since: begin.Add(-slackBefore).UTC().Truncate(time.Second)}
	if until := begin.AddDate(0, 1, 0).Add(slackAfter); until.Before(now) {
		w.Until = until
	}
	return w
}

// pageSize is how many accounts are read from the ledger at a time.
const pageSize = 500

// atOnce is how many requests to Stripe are under way at a time: its test mode takes 25 a second.
const atOnce = 8

// Compare looks at both sides of a billing period and changes nothing. Stripe is listed first, and
// what it has of this period is kept in memory; then the ledger is read page by page. So an entry
// of a charge that the list was too early for is no contradiction: that charge is looked up by its
// ID.
func (r Reconciler) Compare(ctx context.Context, p billing.Period, w Window) (Report, error) {
	report := Report{
		Period: p.String(), Since: w.Since, Counts: map[Verdict]int{},
		Totals: []Total{}, Invoices: []Invoice{}, Unattributed: []Unattributed{},
	}
	for _, v := range Verdicts() {
		report.Counts[v] = 0
	}
	if !w.Until.IsZero() {
		report.Until = &w.Until
	}
	listed, err := r.list(ctx, p, w, &report)
	if err != nil {
		return report, err
	}
	for after, more := "", true; more; {
		accounts, err := r.Ledger.Accounts(ctx, p, after, pageSize)
		if err != nil {
			return report, err
		}
		if more = len(accounts) > 0; more {
			after = accounts[len(accounts)-1].Subscription
		}
		if err := r.judgePage(ctx, &report, accounts, listed); err != nil {
			return report, err
		}
	}
	// What is left belongs to subscriptions that the ledger has never heard of.
	for _, intents := range listed {
		for _, i := range intents {
			report.leave(i, "the ledger knows no subscription of this ID")
		}
	}
	slices.SortFunc(report.Unattributed, func(a, b Unattributed) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.PaymentIntent, b.PaymentIntent))
	})
	slices.SortFunc(report.Totals, func(a, b Total) int { return cmp.Compare(a.Currency, b.Currency) })
	return report, nil
}

// list returns the period's PaymentIntents by subscription. Those that name no invoice go straight
// to the report, those of other periods are passed over.
func (r Reconciler) list(
	ctx context.Context, p billing.Period, w Window, report *Report,
) (map[string][]stripecharge.Intent, error) {
	listed := map[string][]stripecharge.Intent{}
	for i, err := range r.Stripe.AllIntents(ctx, w.Since, w.Until) {
		if err != nil {
			return nil, err
		}
		report.Listed++
		_, malformed := billing.ParsePeriod(i.Period)
		switch {
		case i.Subscription == "" && i.Period == "":
			report.leave(i, "its metadata names neither a subscription nor a billing period")
		case i.Subscription == "":
			report.leave(i, "its metadata names no subscription")
		case i.Period == "":
			report.leave(i, "its metadata names no billing period")
		case malformed != nil:
			report.leave(i, "the billing period in its metadata is none, such as 2026-12")
		case i.Period == p.String():
			i.Period = report.Period // one string for all of them
			listed[i.Subscription] = append(listed[i.Subscription], i)
		}
	}
	return listed, nil
}

// leave lists a payment that is nobody's, unless the customer has the money back already.
func (r *Report) leave(i stripecharge.Intent, why string) {
	if i.State != stripecharge.Succeeded || i.RemainingMinor == 0 {
		return
	}
	r.Unattributed = append(r.Unattributed, Unattributed{
		PaymentIntent: i.ID, AmountMinor: i.AmountMinor, RemainingMinor: i.RemainingMinor,
		Currency: i.Currency, Created: i.Created, Subscription: i.Subscription, Period: i.Period,
		Why: why,
	})
}

// judgePage judges the invoices of these accounts, and takes what was listed of them away.
func (r Reconciler) judgePage(
	ctx context.Context, report *Report, accounts []ledger.Account,
	listed map[string][]stripecharge.Intent,
) error {
	page := make([]evidence, len(accounts))
	for n, a := range accounts {
		page[n] = evidence{period: report.Period, account: a, intents: listed[a.Subscription]}
		delete(listed, a.Subscription)
	}
	if err := r.lookUp(ctx, page); err != nil {
		return err
	}
	recordedFor, err := r.recordedFor(ctx, page)
	if err != nil {
		return err
	}
	for _, e := range page {
		e.recordedFor = recordedFor
		report.add(judge(e))
	}
	return nil
}

// lookUp asks Stripe for what the ledger names and the list did not have.
func (r Reconciler) lookUp(ctx context.Context, page []evidence) error {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for n := range page {
		missing := page[n].missing()
		if len(missing) == 0 {
			continue
		}
		group.Go(func() error {
			page[n].lookedUp = map[string]*stripecharge.Intent{}
			for _, id := range missing {
				i, err := r.Stripe.Intent(groupCtx, id)
				switch {
				case errors.Is(err, stripecharge.ErrNoIntent):
					page[n].lookedUp[id] = nil
				case err != nil:
					return err
				default:
					page[n].lookedUp[id] = &i
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// missing returns the PaymentIntents that the ledger names and the list did not have.
func (e evidence) missing() []string {
	missing := map[string]bool{}
	for _, c := range e.account.Charges {
		missing[c.PaymentIntent] = true
	}
	if registered := e.account.Claim.Intent; registered != "" {
		missing[registered] = true
	}
	for _, i := range e.intents {
		delete(missing, i.ID)
	}
	return slices.Sorted(maps.Keys(missing))
}

// recordedFor asks the ledger whether the charges that have no entry for their own invoice have one
// for another.
func (r Reconciler) recordedFor(
	ctx context.Context, page []evidence,
) (map[string]string, error) {
	var strays []string
	for _, e := range page {
		for _, i := range e.intents {
			if i.State == stripecharge.Succeeded && !slices.ContainsFunc(e.account.Charges,
				func(c ledger.ChargeEntry) bool { return c.PaymentIntent == i.ID }) {
				strays = append(strays, i.ID)
			}
		}
	}
	if len(strays) == 0 {
		return nil, nil
	}
	return r.Ledger.RecordedFor(ctx, strays)
}
