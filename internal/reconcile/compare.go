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

// Reconciler compares Stripe with a ledger. It is safe for concurrent use, and several processes
// may run one at the same time.
type Reconciler struct {
	Ledger *ledger.Store
	Stripe *stripecharge.Client
}

// Window limits the list of PaymentIntents to those created in it. A charge from outside is seen
// only if the ledger has an entry for it.
type Window struct {
	Since time.Time
	Until time.Time // zero: no end
	// Partial: a charge of the period may have been made before Since. With an Until, one may have
	// been made after it. So an invoice without a charge is not looked for, rather than unbilled.
	Partial bool
}

// slackBefore is longer than time zones or clocks can differ.
const slackBefore = 7 * 24 * time.Hour

// DefaultWindow begins a week before the month, and has no end: a card may be replaced, and the
// invoice charged, at any time. For a month that has not begun it begins a week ago, since somebody
// is only trying things out.
func DefaultWindow(p billing.Period, now time.Time) Window {
	begin, err := time.Parse("2006-01", p.String())
	if err != nil || begin.After(now) {
		begin = now
	}
	return Window{Since: begin.Add(-slackBefore).UTC().Truncate(time.Second)}
}

// pageSize is the number of accounts read from the ledger at a time.
const pageSize = 500

// atOnce limits the requests to Stripe in flight: its test mode allows 25 a second.
const atOnce = 8

// Compare compares both sides of a billing period and changes nothing. It lists Stripe first and
// keeps the period's PaymentIntents in memory, then reads the ledger page by page. If a charge was
// made after the list was read and already has an entry, Compare looks it up by its ID.
func (r Reconciler) Compare(ctx context.Context, p billing.Period, w Window) (Report, error) {
	report := Report{
		Period: p.String(), Since: w.Since, Partial: w.Partial || !w.Until.IsZero(),
		Tally: newTally(), Invoices: []Invoice{}, Unattributed: []Unattributed{},
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
	// The rest belongs to subscriptions that the ledger does not have.
	for _, intents := range listed {
		for _, i := range intents {
			if i.Ledger == "" {
				report.others(i)
			} else {
				report.leave(i, "the ledger knows no subscription of this ID")
			}
		}
	}
	slices.SortFunc(report.Unattributed, func(a, b Unattributed) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.PaymentIntent, b.PaymentIntent))
	})
	return report, nil
}

// list returns the period's PaymentIntents by subscription: this ledger's, and those that name no
// ledger, as every charge did before ledgers had IDs. It adds this ledger's that name no invoice to
// the report, and skips those of other periods.
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
		case i.Ledger != r.Ledger.ID() &&
			(i.Ledger != "" || i.Subscription == "" || i.Period != p.String()):
			report.others(i)
		case i.Subscription == "" && i.Period == "":
			report.leave(i, "its metadata names neither a subscription nor a billing period")
		case i.Subscription == "":
			report.leave(i, "its metadata names no subscription")
		case i.Period == "":
			report.leave(i, "its metadata names no billing period")
		case malformed != nil:
			report.leave(i, "the billing period in its metadata is not a month such as 2026-12")
		case i.Period == p.String():
			i.Period = report.Period // shares one string in memory
			listed[i.Subscription] = append(listed[i.Subscription], i)
		}
	}
	return listed, nil
}

// others counts a payment that is not this ledger's.
func (r *Report) others(i stripecharge.Intent) {
	if i.State == stripecharge.Succeeded {
		r.Others++
	}
}

// leave lists a payment without an invoice, unless it was fully refunded.
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

// judgePage judges the invoices of these accounts, and removes their PaymentIntents from listed.
func (r Reconciler) judgePage(
	ctx context.Context, report *Report, accounts []ledger.Account,
	listed map[string][]stripecharge.Intent,
) error {
	page := make([]evidence, len(accounts))
	for n, a := range accounts {
		page[n] = evidence{
			ledger: r.Ledger.ID(), period: report.Period, account: a,
			intents: listed[a.Subscription], partial: report.Partial,
		}
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
		for _, i := range e.intents {
			if !e.ours(i) {
				report.others(i)
			}
		}
		i := judge(e)
		report.Invoices = append(report.Invoices, i)
		report.add(i.Verdicts, i.Account)
	}
	return nil
}

// lookUp asks Stripe for the PaymentIntents that are missing from the list.
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

// missing returns the PaymentIntents that the ledger names and the list does not have.
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

// recordedFor asks the ledger for the invoices of charges that have no entry in their own account.
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
