package reconcile

import (
	"slices"
	"time"
)

// Verdict says what is wrong with an invoice, or that nothing is. One can have several.
type Verdict string

// The verdicts, worst first.
const (
	// InDoubt: the two sides contradict each other, or what to keep is not for a program to say.
	// The remarks say why. Nothing is done about such an invoice.
	InDoubt Verdict = "in doubt"
	// Overcharged: more than one charge still has the customer's money.
	Overcharged Verdict = "overcharged"
	// Unbilled: due, and neither charged nor about to be. The next due run charges it.
	Unbilled Verdict = "unbilled"
	// Unrecorded: a charge or a refund at Stripe has no entry in the ledger.
	Unrecorded Verdict = "unrecorded"
	// NotAtStripe: an entry in the ledger has no charge or refund at Stripe.
	NotAtStripe Verdict = "recorded but not at Stripe"
	// Pending: a server has claimed the invoice and its request may have gone out, or Stripe has
	// not decided on a charge or a refund yet.
	Pending Verdict = "pending"
	// Right: charged once as far as the customer's money goes, and the ledger agrees; or not due.
	Right Verdict = "right"
)

// Verdicts returns all verdicts, worst first.
func Verdicts() []Verdict {
	return []Verdict{InDoubt, Overcharged, Unbilled, Unrecorded, NotAtStripe, Pending, Right}
}

// Kind is something that can be done about an invoice.
type Kind string

// What is done, in this order.
const (
	RecordCharge Kind = "record charge"
	RecordRefund Kind = "record refund"
	RefundCharge Kind = "refund" // and record it
	CancelIntent Kind = "cancel" // took no money, and so needs no entry
)

// Action is one thing to do.
type Action struct {
	Kind          Kind   `json:"kind"`
	PaymentIntent string `json:"payment_intent"`
	Refund        string `json:"refund,omitempty"` // re_…, once there is one
	AmountMinor   int64  `json:"amount_minor"`
	Currency      string `json:"currency,omitempty"`
}

// Invoice is one invoice, as Stripe and the ledger have it. Amounts are sums of what is in its
// currency.
type Invoice struct {
	Subscription string    `json:"subscription"`
	Period       string    `json:"period"`
	Verdicts     []Verdict `json:"verdicts"`
	Currency     string    `json:"currency"`
	DueMinor     int64     `json:"due_minor"` // the subscription's amount as it is now; 0 if gone

	Charges       int   `json:"charges"` // at Stripe, refunded since or not
	ChargedMinor  int64 `json:"charged_minor"`
	RefundedMinor int64 `json:"refunded_minor"` // those that are pending included

	Entries             int   `json:"entries"` // of charges, in the ledger
	EnteredMinor        int64 `json:"entered_minor"`
	EnteredRefundsMinor int64 `json:"entered_refunds_minor"`

	Kept    string   `json:"kept,omitempty"`  // of an overcharged one: the charge that stays
	ToDo    []Action `json:"to_do,omitempty"` // nil: nothing, or nothing that a program may do
	Remarks []string `json:"remarks,omitempty"`
}

// String returns the invoice's name, <subscription>/<period>.
func (i Invoice) String() string { return i.Subscription + "/" + i.Period }

// Is reports whether the verdict is among the invoice's.
func (i Invoice) Is(v Verdict) bool { return slices.Contains(i.Verdicts, v) }

// Unattributed is a payment that belongs to no invoice that the ledger knows. It is listed until
// somebody refunds it, or says in its metadata what it is for.
type Unattributed struct {
	PaymentIntent  string    `json:"payment_intent"`
	AmountMinor    int64     `json:"amount_minor"`
	RemainingMinor int64     `json:"remaining_minor"` // what was not refunded of it
	Currency       string    `json:"currency"`
	Created        time.Time `json:"created"`
	Subscription   string    `json:"subscription"` // as its metadata says; "" if it doesn't
	Period         string    `json:"period"`       // likewise
	Why            string    `json:"why"`
}

// Total sums up the invoices of one currency.
type Total struct {
	Currency            string `json:"currency"`
	DueMinor            int64  `json:"due_minor"`
	ChargedMinor        int64  `json:"charged_minor"`
	RefundedMinor       int64  `json:"refunded_minor"`
	EnteredMinor        int64  `json:"entered_minor"`
	EnteredRefundsMinor int64  `json:"entered_refunds_minor"`
}

// Report is what a look at both sides found.
type Report struct {
	Period       string          `json:"period"`
	Since        time.Time       `json:"since"`
	Until        *time.Time      `json:"until"`  // nil: no end
	Listed       int             `json:"listed"` // PaymentIntents, of whatever state
	Counts       map[Verdict]int `json:"counts"` // of invoices; each verdict is there
	Totals       []Total         `json:"totals"`
	Invoices     []Invoice       `json:"invoices"`
	Unattributed []Unattributed  `json:"unattributed"`
}

// OK reports whether all is right: each invoice, and no payment without one.
func (r Report) OK() bool {
	return r.Counts[Right] == len(r.Invoices) && len(r.Unattributed) == 0
}

// Actions is how many things there are to do.
func (r Report) Actions() (n int) {
	for _, i := range r.Invoices {
		n += len(i.ToDo)
	}
	return n
}

// add appends an invoice and counts it.
func (r *Report) add(i Invoice) {
	r.Invoices = append(r.Invoices, i)
	for _, v := range i.Verdicts {
		r.Counts[v]++
	}
	if i.Currency == "" {
		return
	}
	n := slices.IndexFunc(r.Totals, func(t Total) bool { return t.Currency == i.Currency })
	if n < 0 {
		n = len(r.Totals)
		r.Totals = append(r.Totals, Total{Currency: i.Currency})
	}
	t := &r.Totals[n]
	t.DueMinor += i.DueMinor
	t.ChargedMinor += i.ChargedMinor
	t.RefundedMinor += i.RefundedMinor
	t.EnteredMinor += i.EnteredMinor
	t.EnteredRefundsMinor += i.EnteredRefundsMinor
}

// Done is an Action that was tried.
type Done struct {
	Invoice string `json:"invoice"` // <subscription>/<period>
	Action
	Error string `json:"error,omitempty"` // "": it was done
}

// Outcome is what came of a reconciliation.
type Outcome struct {
	OK    bool    `json:"ok"` // all is right now
	Found Report  `json:"found"`
	Done  []Done  `json:"done"` // nil: a dry run
	Now   *Report `json:"now"`  // nil: nothing was to be done, or a dry run
}
