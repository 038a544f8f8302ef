package reconcile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/money"
	"example.com/triplecharge/internal/verdict"
	"example.com/triplecharge/ledger"
)

// evidence is everything known about one invoice.
type evidence struct {
	ledger  string // its ID
	period  string
	account ledger.Account
	intents []stripecharge.Intent // those listed for this invoice, in any order
	partial bool                  // there may be others
	// lookedUp has the PaymentIntents that the ledger names for this invoice and that were missing
	// from the list, by ID; nil if Stripe has no such PaymentIntent.
	lookedUp map[string]*stripecharge.Intent
	// recordedFor has the invoices of charges that had no entry in their own account when it was
	// read, by PaymentIntent.
	recordedFor map[string]string
}

// ours reports whether a PaymentIntent is this ledger's. One that names no ledger is, if the ledger
// names it: it was made before ledgers had IDs.
func (e evidence) ours(i stripecharge.Intent) bool {
	if i.Ledger != "" {
		return i.Ledger == e.ledger
	}
	return i.ID == e.account.Claim.Intent || e.recordedFor[i.ID] != "" ||
		slices.ContainsFunc(e.account.Charges, func(c ledger.ChargeEntry) bool {
			return c.PaymentIntent == i.ID
		})
}

// judge returns an invoice with its verdicts and what to do about it. It is pure.
func judge(e evidence) Invoice {
	j := judging{evidence: e, found: map[verdict.Word]bool{}}
	j.invoice = Invoice{
		Subscription: e.account.Subscription, Period: e.period,
		Account: Account{Currency: e.account.Currency, DueMinor: e.account.DueMinor},
	}
	j.attribute()
	j.settle()
	j.sum()
	j.entries()
	j.refundEntries()
	j.standing()
	j.pending()
	j.forgotten()
	j.inert()
	return j.verdict()
}

// judging is an invoice while it is being judged.
type judging struct {
	evidence
	invoice Invoice
	charges []stripecharge.Intent // those that succeeded, the one to keep first
	found   map[verdict.Word]bool
}

// attribute gathers the PaymentIntents that name the invoice, the earliest first.
func (j *judging) attribute() {
	for _, id := range slices.Sorted(maps.Keys(j.lookedUp)) {
		switch i := j.lookedUp[id]; {
		case i == nil:
		case !j.ours(*i):
			j.doubt("the ledger names %s, which says at Stripe that it is the ledger %q's",
				id, i.Ledger)
		case i.Subscription == j.invoice.Subscription && i.Period == j.period:
			j.intents = append(j.intents, *i)
		default:
			j.doubt("the ledger names %s, which says at Stripe that it is for %q/%q",
				id, i.Subscription, i.Period)
		}
	}
	j.intents = slices.DeleteFunc(slices.Clone(j.intents), func(i stripecharge.Intent) bool {
		if !j.ours(i) && i.State == stripecharge.Succeeded {
			j.remark("%s names this invoice but no ledger: it is left out", i.ID)
		}
		return !j.ours(i)
	})
	slices.SortFunc(j.intents, func(a, b stripecharge.Intent) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	for _, i := range j.intents {
		if i.State == stripecharge.Succeeded {
			j.charges = append(j.charges, i)
		}
		if j.recordedFor[i.ID] == j.invoice.String() { // since the account was read
			j.account.Charges = append(j.account.Charges,
				ledger.ChargeEntry{PaymentIntent: i.ID, AmountMinor: i.AmountMinor,
					Currency: i.Currency})
		}
	}
}

// sum adds up both sides, in the currency of the first charge or else of the first entry.
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
	for _, c := range j.charges {
		v.charge(c)
	}
	v.Entries = len(a.Charges)
	inCurrency := map[string]bool{}
	for _, e := range a.Charges {
		if e.Currency == v.Currency {
			v.EnteredMinor += e.AmountMinor
			inCurrency[e.PaymentIntent] = true
		}
	}
	for _, r := range a.Refunds {
		if inCurrency[r.PaymentIntent] && !r.Reversed {
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
			j.found[verdict.NotAtStripe] = true
			j.remark("%s: %s", e.PaymentIntent, j.stateOf(e.PaymentIntent))
		}
	}
	for _, c := range j.charges {
		e, ok := recorded[c.ID]
		switch other := j.recordedFor[c.ID]; {
		case ok && (e.AmountMinor != c.AmountMinor || e.Currency != c.Currency):
			j.doubt("Stripe says that %s took %s, the ledger says %s", c.ID,
				money.Amount(c.AmountMinor, c.Currency), money.Amount(e.AmountMinor, e.Currency))
		case !ok && other != "":
			j.doubt("%s is recorded for %s", c.ID, other)
		case !ok && c.Customer != "" && j.account.Customer != "" &&
			c.Customer != j.account.Customer:
			j.doubt("%s was paid by %s, the subscription is %s's: whose invoice is it?",
				c.ID, c.Customer, j.account.Customer)
		case !ok:
			j.found[verdict.Unrecorded] = true
			j.toDo(RecordCharge, c, "", c.AmountMinor)
		}
	}
}

// stateOf says what Stripe has in place of a charge.
func (j *judging) stateOf(id string) string {
	if n := slices.IndexFunc(j.intents, byID(id)); n >= 0 {
		return fmt.Sprintf("it took no money: it is %s", j.intents[n].State)
	}
	if j.lookedUp[id] != nil {
		return "it is for another invoice"
	}
	return "Stripe has no such PaymentIntent, in this account"
}

// comparePrice remarks on a charge that differs from the subscription's price. That is no verdict,
// since the ledger only knows today's price.
func (j *judging) comparePrice(c stripecharge.Intent) {
	a := j.account
	if a.DueMinor > 0 && (c.AmountMinor != a.DueMinor || c.Currency != a.Currency) {
		j.remark("the subscription costs %s now", money.Amount(a.DueMinor, a.Currency))
	}
}

// pending finds PaymentIntents and claims that are not decided yet, and unbilled invoices.
func (j *judging) pending() {
	for _, i := range j.intents {
		if i.State == stripecharge.Open {
			j.found[verdict.Pending] = true
			j.remark("%s can still take money", i.ID)
		}
	}
	if len(j.charges) > 0 {
		return
	}
	if len(j.account.Charges) == 0 { // else the claim is settled
		j.claim()
	}
	if j.account.DueMinor > 0 && !j.found[verdict.Pending] {
		j.found[verdict.Unbilled] = !j.partial
		j.found[verdict.NotLookedFor] = j.partial
	}
}

// claim remarks on the claim on an invoice that nobody has charged.
func (j *judging) claim() {
	claim := j.account.Claim
	if claim.Taken {
		j.found[verdict.Pending] = true
		j.remark("a server has claimed it")
	}
	if n := slices.IndexFunc(j.intents, byID(claim.Intent)); n >= 0 &&
		j.intents[n].State == stripecharge.Canceled {
		j.remark("%s, which is registered for it, is canceled: exactly-once replaces it",
			claim.Intent)
	}
}

// forgotten finds the PaymentIntent that was registered in a claim that the ledger has forgotten.
// If that can't be told from others, any will do: all others are canceled.
func (j *judging) forgotten() {
	claim := &j.account.Claim
	if claim.Intent != "" || len(j.account.Charges) > 0 || len(j.charges) > 0 {
		return
	}
	var registered stripecharge.Intent
	for _, i := range j.intents { // the latest last
		switch tried := i.State != stripecharge.Untried; {
		case i.Generation == 0 || i.State == stripecharge.Canceled:
		case !tried && i.Generation <= claim.Generation: // a server did not get to register it
		case tried || registered.ID == "" || registered.State == stripecharge.Untried:
			registered = i
		}
	}
	if registered.ID != "" {
		j.remark("the ledger has forgotten that %s is registered for it", registered.ID)
		j.toDo(RecordClaim, registered, "", registered.AsksMinor)
		claim.Intent = registered.ID
	}
}

// inert finds the PaymentIntents that can be canceled: no card was tried with them, and either
// another one is registered or the invoice is already charged. The package comment explains why no
// server will confirm them.
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

// verdict returns the invoice with its verdicts, and with its actions in order.
func (j *judging) verdict() Invoice {
	if j.found[verdict.InDoubt] {
		j.invoice.ToDo, j.invoice.Kept = nil, ""
	}
	for _, v := range verdict.All() {
		if j.found[v] {
			j.invoice.Verdicts = append(j.invoice.Verdicts, v)
		}
	}
	if len(j.invoice.Verdicts) == 0 {
		j.invoice.Verdicts = verdict.Words{verdict.Right}
	}
	// The ledger accepts a refund's entry only after that of its charge.
	order := []Kind{
		RecordCharge, RecordRefund, RecordReversal, RecordClaim, RefundCharge, CancelIntent,
	}
	slices.SortStableFunc(j.invoice.ToDo, func(a, b Action) int {
		return cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind))
	})
	return j.invoice
}

func (j *judging) toDo(k Kind, i stripecharge.Intent, refund string, amountMinor int64) {
	j.invoice.ToDo = append(j.invoice.ToDo, Action{k, i.ID, refund, amountMinor, i.Currency})
}

func (j *judging) doubt(format string, args ...any) {
	j.found[verdict.InDoubt] = true
	j.remark(format, args...)
}

func (j *judging) remark(format string, args ...any) {
	j.invoice.Remarks = append(j.invoice.Remarks, fmt.Sprintf(format, args...))
}

func byID(id string) func(stripecharge.Intent) bool {
	return func(i stripecharge.Intent) bool { return i.ID == id }
}
