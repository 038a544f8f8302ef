package reconcile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/ledger"
)

// evidence is all that is known of one invoice.
type evidence struct {
	period  string
	account ledger.Account
	intents []stripecharge.Intent // that name this invoice, in any order
	// lookedUp has what Stripe knows of PaymentIntents that the ledger names for this invoice and
	// that were not in the list; nil if it has none of that ID.
	lookedUp map[string]*stripecharge.Intent
	// recordedFor has the invoices that charges are recorded for which had no entry of this one
	// when the account was read.
	recordedFor map[string]string
}

// judge says what is wrong with an invoice, and what there is to do. It is pure.
func judge(e evidence) Invoice {
	j := judging{evidence: e, found: map[Verdict]bool{}}
	j.invoice = Invoice{
		Subscription: e.account.Subscription, Period: e.period,
		Currency: e.account.Currency, DueMinor: e.account.DueMinor,
	}
	j.attribute()
	j.sum()
	j.entries()
	j.refundEntries()
	j.standing()
	j.pending()
	j.inert()
	return j.verdict()
}

// judging is an invoice under judgement.
type judging struct {
	evidence
	invoice Invoice
	charges []stripecharge.Intent // those that succeeded, in the order in which one is kept
	found   map[Verdict]bool
}

// attribute gathers the invoice's PaymentIntents: those that name it.
func (j *judging) attribute() {
	for _, id := range slices.Sorted(maps.Keys(j.lookedUp)) {
		switch i := j.lookedUp[id]; {
		case i == nil:
		case i.Subscription == j.invoice.Subscription && i.Period == j.period:
			j.intents = append(j.intents, *i)
		default:
			j.doubt("the ledger names %s, which says at Stripe that it is for %q/%q",
				id, i.Subscription, i.Period)
		}
	}
	slices.SortFunc(j.intents, func(a, b stripecharge.Intent) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	for _, i := range j.intents {
		if i.State == stripecharge.Succeeded {
			j.charges = append(j.charges, i)
		}
		if j.recordedFor[i.ID] == j.invoice.String() { // since the account was read
			j.account.Charges = append(j.account.Charges,
				ledger.ChargeEntry{PaymentIntent: i.ID, AmountMinor: i.AmountMinor, Currency: i.Currency})
		}
	}
}

// sum adds up both sides, in the currency of the charges if there are any.
func (j *judging) sum() {
	v, a := &j.invoice, j.account
	switch {
	case len(j.charges) > 0:
		v.Currency = j.charges[0].Currency
	case len(a.Charges) > 0:
		v.Currency = a.Charges[0].Currency
	}
	if v.Currency != a.Currency {
		v.DueMinor = 0
	}
	v.Charges, v.Entries = len(j.charges), len(a.Charges)
	for _, c := range j.charges {
		if c.Currency == v.Currency {
			v.ChargedMinor += c.AmountMinor
			v.RefundedMinor += c.AmountMinor - c.RemainingMinor
		}
	}
	inCurrency := map[string]bool{}
	for _, e := range a.Charges {
		if e.Currency == v.Currency {
			v.EnteredMinor += e.AmountMinor
			inCurrency[e.PaymentIntent] = true
		}
	}
	for _, r := range a.Refunds {
		if inCurrency[r.PaymentIntent] {
			v.EnteredRefundsMinor += r.AmountMinor
		}
	}
}

// entries compares the charges with their entries.
func (j *judging) entries() {
	recorded := map[string]ledger.ChargeEntry{}
	for _, e := range j.account.Charges {
		recorded[e.PaymentIntent] = e
		if !slices.ContainsFunc(j.charges, byID(e.PaymentIntent)) {
			j.found[NotAtStripe] = true
			j.remark("%s: %s", e.PaymentIntent, j.stateOf(e.PaymentIntent))
		}
	}
	for _, c := range j.charges {
		e, ok := recorded[c.ID]
		switch other := j.recordedFor[c.ID]; {
		case ok && (e.AmountMinor != c.AmountMinor || e.Currency != c.Currency):
			j.doubt("Stripe says that %s took %s, the ledger says %s", c.ID,
				timeline.Money(c.AmountMinor, c.Currency), timeline.Money(e.AmountMinor, e.Currency))
		case !ok && other != "":
			j.doubt("%s is recorded for %s", c.ID, other)
		case !ok && c.Customer != "" && j.account.Customer != "" && c.Customer != j.account.Customer:
			j.doubt("%s was paid by %s, the subscription is %s's: whose invoice is it?",
				c.ID, c.Customer, j.account.Customer)
		case !ok:
			j.found[Unrecorded] = true
			j.toDo(RecordCharge, c, "", c.AmountMinor)
		}
	}
}

// stateOf says what Stripe has instead of a charge.
func (j *judging) stateOf(id string) string {
	if n := slices.IndexFunc(j.intents, byID(id)); n >= 0 {
		return fmt.Sprintf("it took no money: it is %s", j.intents[n].State)
	}
	if j.lookedUp[id] != nil {
		return "it is for another invoice"
	}
	return "Stripe has no such PaymentIntent, in this account"
}

// refundEntries compares the refunds with their entries.
func (j *judging) refundEntries() {
	recorded := map[string]ledger.Refund{}
	for _, r := range j.account.Refunds {
		recorded[r.ID] = r
	}
	for _, c := range j.charges {
		for _, r := range c.Refunds {
			e, ok := recorded[r.ID]
			switch {
			case r.State == stripecharge.RefundPending:
				j.found[Pending] = true
				j.remark("the refund %s of %s is not decided yet", r.ID, c.ID)
			case r.State == stripecharge.RefundFailed:
				if !ok {
					j.remark("the refund %s of %s failed: the money is still Stripe's", r.ID, c.ID)
				}
				continue // an entry of it, if there is one, has nothing at Stripe
			case ok && (e.AmountMinor != r.AmountMinor || e.PaymentIntent != c.ID):
				j.doubt("Stripe says that %s gave back %s of %s, the ledger says %s of %s", r.ID,
					timeline.Money(r.AmountMinor, c.Currency), c.ID,
					timeline.Money(e.AmountMinor, c.Currency), e.PaymentIntent)
			case !ok:
				j.found[Unrecorded] = true
				j.toDo(RecordRefund, c, r.ID, r.AmountMinor)
			}
			delete(recorded, r.ID)
		}
	}
	for _, r := range j.account.Refunds {
		if _, left := recorded[r.ID]; left {
			j.found[NotAtStripe] = true
			j.remark("%s of %s: Stripe gave nothing back under this ID", r.ID, r.PaymentIntent)
		}
	}
}

// standing finds the charges that still have the customer's money, and picks the one that keeps it.
func (j *judging) standing() {
	var standing []stripecharge.Intent
	for _, c := range j.charges {
		if c.RemainingMinor > 0 {
			standing = append(standing, c)
		}
	}
	if len(standing) < 2 {
		if len(standing) == 1 {
			j.comparePrice(standing[0])
		}
		return
	}
	j.found[Overcharged] = true
	kept := slices.IndexFunc(standing, func(c stripecharge.Intent) bool {
		return c.RemainingMinor == c.AmountMinor
	})
	for _, c := range standing {
		switch first := standing[0]; {
		case c.Disputed:
			j.doubt("%s is disputed: that money may go back another way", c.ID)
		case c.AmountMinor != first.AmountMinor || c.Currency != first.Currency:
			j.doubt("%s and %s are not for the same amount: choose which to refund", first.ID, c.ID)
		}
	}
	if kept < 0 {
		j.doubt("each of %d charges is refunded in part: choose which to keep", len(standing))
		return
	}
	j.invoice.Kept = standing[kept].ID
	for n, c := range standing {
		if n != kept {
			j.toDo(RefundCharge, c, "", c.RemainingMinor)
		}
	}
}

// comparePrice remarks on a charge that isn't what the subscription costs. That is no verdict: the
// ledger doesn't know what it cost then.
func (j *judging) comparePrice(c stripecharge.Intent) {
	a := j.account
	if a.DueMinor > 0 && (c.AmountMinor != a.DueMinor || c.Currency != a.Currency) {
		j.remark("the subscription costs %s now", timeline.Money(a.DueMinor, a.Currency))
	}
}

// pending finds what isn't decided yet.
func (j *judging) pending() {
	for _, i := range j.intents {
		if i.State == stripecharge.Open {
			j.found[Pending] = true
			j.remark("%s may yet take money", i.ID)
		}
	}
	if len(j.charges) > 0 {
		return
	}
	if len(j.account.Charges) == 0 { // else the claim is settled
		j.claim()
	}
	if j.account.DueMinor > 0 && !j.found[Pending] {
		j.found[Unbilled] = true
	}
}

// claim tells of the claim on an invoice that nobody has charged.
func (j *judging) claim() {
	claim := j.account.Claim
	if claim.Taken {
		j.found[Pending] = true
		j.remark("a server has claimed it")
	}
	if n := slices.IndexFunc(j.intents, byID(claim.Intent)); n >= 0 &&
		j.intents[n].State == stripecharge.Canceled {
		j.remark("%s, which is registered for it, is canceled: exactly-once can't bill it", claim.Intent)
	}
}

// inert finds the PaymentIntents that can be canceled: no card was tried with them, and the one
// that may be confirmed is another, or none is needed any longer. See the package's comment for why
// no server can come to confirm one of them.
func (j *judging) inert() {
	claim := j.account.Claim
	charged := len(j.account.Charges) > 0 || len(j.charges) > 0
	if claim.Intent == "" && (!charged || claim.Held) {
		return
	}
	for _, i := range j.intents {
		if i.State == stripecharge.Untried && i.ID != claim.Intent {
			j.toDo(CancelIntent, i, "", 0)
		}
	}
}

// verdict closes the judgement.
func (j *judging) verdict() Invoice {
	if j.found[InDoubt] {
		j.invoice.ToDo, j.invoice.Kept = nil, ""
	}
	if len(j.found) == 0 {
		j.found[Right] = true
	}
	for _, v := range Verdicts() {
		if j.found[v] {
			j.invoice.Verdicts = append(j.invoice.Verdicts, v)
		}
	}
	// In the order in which it is done: a refund's entry needs that of its charge.
	order := []Kind{RecordCharge, RecordRefund, RefundCharge, CancelIntent}
	slices.SortStableFunc(j.invoice.ToDo, func(a, b Action) int {
		return cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind))
	})
	return j.invoice
}

func (j *judging) toDo(k Kind, i stripecharge.Intent, refund string, amountMinor int64) {
	j.invoice.ToDo = append(j.invoice.ToDo, Action{k, i.ID, refund, amountMinor, i.Currency})
}

func (j *judging) doubt(format string, args ...any) {
	j.found[InDoubt] = true
	j.remark(format, args...)
}

func (j *judging) remark(format string, args ...any) {
	j.invoice.Remarks = append(j.invoice.Remarks, fmt.Sprintf(format, args...))
}

func byID(id string) func(stripecharge.Intent) bool {
	return func(i stripecharge.Intent) bool { return i.ID == id }
}
