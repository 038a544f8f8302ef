package reconcile

import (
	"time"

	"example.com/triplecharge/internal/verdict"
)

// Kind is a kind of Action.
type Kind string

// The kinds, in the order in which they are done.
const (
	RecordCharge   Kind = "record charge"
	RecordRefund   Kind = "record refund"
	RecordReversal Kind = "record failed refund"
	RecordClaim    Kind = "record claim" // with its PaymentIntent, which the ledger has forgotten
	RefundCharge   Kind = "refund"       // and record the refund
	CancelIntent   Kind = "cancel"       // the PaymentIntent took no money, so it needs no entry
)

func (a Action) changesStripe() bool { return a.Kind == RefundCharge || a.Kind == CancelIntent }

// Action is one thing to do about an invoice.
type Action struct {
	Kind          Kind   `json:"kind"`
	PaymentIntent string `json:"payment_intent"`
	Refund        string `json:"refund,omitempty"` // re_…, once there is one
	AmountMinor   int64  `json:"amount_minor"`
	Currency      string `json:"currency,omitempty"`
}

// Invoice is an invoice as Stripe and the ledger have it, and what is to be done about it.
type Invoice struct {
	Subscription string        `json:"subscription"`
	Period       string        `json:"period"`
	Verdicts     verdict.Words `json:"verdicts"`
	Account

	Kept string `json:"kept,omitempty"` // of an overcharged invoice: the charge that stays
	// ToDo is nil if there is nothing to do, or a person must decide. It has what was asked for: a
	// run that only records has no refunds in it at first.
	ToDo    []Action `json:"to_do,omitempty"`
	Remarks []string `json:"remarks,omitempty"`
}

// String returns <subscription>/<period>.
func (i Invoice) String() string { return i.Subscription + "/" + i.Period }

// Is reports whether the verdict has the word.
func (i Invoice) Is(w verdict.Word) bool { return i.Verdicts.Has(w) }

// Unattributed is a payment of this ledger that belongs to no invoice in it. It is listed until
// somebody refunds it, or names its invoice in its metadata.
type Unattributed struct {
	PaymentIntent  string    `json:"payment_intent"`
	AmountMinor    int64     `json:"amount_minor"`
	RemainingMinor int64     `json:"remaining_minor"` // not refunded
	Currency       string    `json:"currency"`
	Created        time.Time `json:"created"`
	Subscription   string    `json:"subscription"` // from its metadata; "" if it names none
	Period         string    `json:"period"`       // the same
	Why            string    `json:"why"`
}

// Report is the result of comparing both sides.
type Report struct {
	Period string     `json:"period"`
	Since  time.Time  `json:"since"` // the window of creation times that Stripe was asked for
	Until  *time.Time `json:"until"` // nil: no end
	// Partial: an invoice may have been charged outside of the window, too, even one that is right.
	Partial bool `json:"partial"`
	Listed  int  `json:"listed"` // PaymentIntents in the window, of any state
	// Others counts the payments in the window that are not this ledger's. They are left as they
	// are, and don't count as wrong.
	Others int `json:"others"`
	Tally
	Invoices     []Invoice      `json:"invoices"` // all, by subscription ID
	Unattributed []Unattributed `json:"unattributed"`
}

// OK reports whether every invoice is right and every payment of this ledger has an invoice. A
// PaymentIntent that is left to cancel took no money, and does not count.
func (r Report) OK() bool {
	return r.Counts[verdict.Right] == len(r.Invoices) && len(r.Unattributed) == 0
}

// Done is an Action that was attempted.
type Done struct {
	Invoice string `json:"invoice"` // <subscription>/<period>
	Action
	Error string `json:"error,omitempty"` // "": it succeeded
}

// Outcome is the result of a reconciliation.
type Outcome struct {
	OK    bool   `json:"ok"` // everything is right at the end
	Found Report `json:"found"`
	Done  []Done `json:"done"` // in the order of completion; nil: a dry run
	// First are the periods that must still be reconciled before servers charge from this ledger.
	First []string `json:"reconcile_first,omitempty"`
	Now   *Report  `json:"now"` // after what was done; nil: there was nothing to do, or a dry run
}
