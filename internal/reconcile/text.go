package reconcile

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"

	"example.com/triplecharge/internal/money"
	"example.com/triplecharge/internal/report"
	"example.com/triplecharge/internal/verdict"
)

const (
	// shownWhole is the most invoices that a report shows in full. A longer report shows only those
	// that need attention.
	shownWhole = 20
	// shownMost limits the lines of a list on a terminal; --json has all.
	shownMost = 50
	// timeFormat has no seconds, since a window lasts for days.
	timeFormat = "2006-01-02 15:04 MST"
)

// Text writes a report for people.
func (r Report) Text(w io.Writer) {
	fmt.Fprintf(w, "Billing period %s: %s in the ledger, compared with %s at Stripe, "+
		"created %s.\n\n", r.Period, money.Count(len(r.Invoices), "invoice"),
		money.Count(r.Listed, "PaymentIntent"), r.window())
	r.invoices(w)
	r.remarks(w)
	r.unattributed(w)
	r.summary(w)
}

func (r Report) window() string {
	since := "since " + r.Since.Format(timeFormat)
	if r.Until == nil {
		return since
	}
	return "from " + r.Since.Format(timeFormat) + " to before " + r.Until.Format(timeFormat)
}

// shown returns the invoices to show, and how many others need attention.
func (r Report) shown() (shown []Invoice, more int) {
	if len(r.Invoices) <= shownWhole {
		return r.Invoices, 0
	}
	for _, i := range r.Invoices {
		switch {
		case i.Is(verdict.Right) && len(i.ToDo) == 0:
		case len(shown) < shownMost:
			shown = append(shown, i)
		default:
			more++
		}
	}
	return shown, more
}

func (r Report) invoices(w io.Writer) {
	shown, more := r.shown()
	if len(shown) == 0 {
		return
	}
	headers := []string{"subscription", "due", "charged at Stripe", "in the ledger", "verdict"}
	todo := r.ToDo() != ""
	if todo {
		headers = append(headers, "to do")
	}
	const verdicts = 4 // their column
	t := report.Table{Headers: headers, Indent: 2, Style: func(row, col int) lipgloss.Style {
		if col == verdicts {
			return report.Colour(shown[row].Verdicts)
		}
		return lipgloss.NewStyle()
	}}
	for _, i := range shown {
		cells := []string{i.Subscription, "nothing", i.AtStripe(), i.InLedger(),
			i.Verdicts.String()}
		if i.DueMinor > 0 {
			cells[1] = money.Amount(i.DueMinor, i.Currency)
		}
		if todo {
			cells = append(cells, inShort(i.ToDo))
		}
		t.Rows = append(t.Rows, cells)
	}
	t.Print(w)
	if more > 0 {
		fmt.Fprintf(w, "  and %d more to look at: --json lists all\n", more)
	}
	fmt.Fprintln(w)
}

// AtStripe returns the invoice's charges: "3 × $10.00 = $30.00 less $20.00" if $20.00 was refunded.
func (i Invoice) AtStripe() string { return i.times(i.Charges, i.ChargedMinor, i.RefundedMinor) }

// Paid says how much of the invoice the customer paid, and the verdict.
func (i Invoice) Paid(customer string) string {
	s := customer + " paid " + money.Amount(i.ChargedMinor, i.Currency)
	if i.ChargedMinor != i.DueMinor {
		s += " instead of " + money.Amount(i.DueMinor, i.Currency)
	}
	return s + ": " + i.Verdicts.String() + "."
}

// InLedger returns the invoice's entries in the same way.
func (i Invoice) InLedger() string {
	return i.times(i.Entries, i.EnteredMinor, i.EnteredRefundsMinor)
}

func (i Invoice) times(n int, minor, refunded int64) string {
	each := i.DueMinor
	if i.Is(verdict.InDoubt) {
		each = 0 // the amounts may differ even if their sum fits
	}
	s := money.Times(n, each, minor, i.Currency)
	if refunded != 0 {
		s += " less " + money.Amount(refunded, i.Currency)
	}
	return s
}

// inShort summarizes the actions on one invoice: "record 2, refund $20.00".
func inShort(actions []Action) string {
	entries, _ := sum(actions, RecordCharge, RecordRefund, RecordReversal, RecordClaim)
	_, refunded := sum(actions, RefundCharge)
	inert, _ := sum(actions, CancelIntent)
	var said []string
	if entries > 0 {
		said = append(said, fmt.Sprintf("record %d", entries))
	}
	if len(refunded) > 0 {
		said = append(said, "refund "+moneys(refunded))
	}
	if inert > 0 {
		said = append(said, fmt.Sprintf("cancel %d", inert))
	}
	return strings.Join(said, ", ")
}

// ToDo summarizes the actions on all invoices; "" if there are none.
func (r Report) ToDo() string {
	var all []Action
	for _, i := range r.Invoices {
		all = append(all, i.ToDo...)
	}
	var said []string
	for _, thing := range []struct {
		kind       Kind
		verb, noun string
	}{
		{RecordCharge, "record", "charge"}, {RecordRefund, "record", "refund"},
		{RecordReversal, "record", "failed refund"}, {RecordClaim, "record", "claim"},
		{RefundCharge, "refund", "charge"}, {CancelIntent, "cancel", "inert PaymentIntent"},
	} {
		n, amounts := sum(all, thing.kind)
		if n == 0 {
			continue
		}
		todo := thing.verb + " " + money.Count(n, thing.noun)
		if thing.kind != CancelIntent {
			todo += " (" + moneys(amounts) + ")"
		}
		said = append(said, todo)
	}
	return strings.Join(said, ", ")
}

// sum counts the actions of these kinds, and adds up their amounts by currency.
func sum(actions []Action, kinds ...Kind) (n int, amounts map[string]int64) {
	amounts = map[string]int64{}
	for _, a := range actions {
		if slices.Contains(kinds, a.Kind) {
			n++
			amounts[a.Currency] += a.AmountMinor
		}
	}
	return n, amounts
}

// moneys returns the amounts, by currency, as text.
func moneys(amounts map[string]int64) string {
	var said []string
	for currency, minor := range amounts {
		said = append(said, money.Amount(minor, currency))
	}
	slices.Sort(said)
	return strings.Join(said, " and ")
}

func (r Report) remarks(w io.Writer) {
	said := 0
	for _, i := range r.Invoices {
		for _, remark := range i.Remarks {
			if said++; said <= shownMost {
				fmt.Fprintf(w, "  %s: %s\n", i, remark)
			}
		}
	}
	closeList(w, said)
}

func (r Report) unattributed(w io.Writer) {
	if len(r.Unattributed) > 0 {
		fmt.Fprintln(w, "  Payments without an invoice, left as they are:")
	}
	for _, u := range r.Unattributed[:min(len(r.Unattributed), shownMost)] {
		what := ""
		if u.Subscription != "" || u.Period != "" {
			what = fmt.Sprintf(" for %q/%q", u.Subscription, u.Period)
		}
		fmt.Fprintf(w, "  %s of %s, %s%s: %s\n", u.PaymentIntent, u.Created.Format(timeFormat),
			money.Amount(u.RemainingMinor, u.Currency), what, u.Why)
	}
	closeList(w, len(r.Unattributed))
}

// closeList ends a list of n lines, of which shownMost were printed.
func closeList(w io.Writer, n int) {
	if n > shownMost {
		fmt.Fprintf(w, "  and %d more: --json lists all\n", n-shownMost)
	}
	if n > 0 {
		fmt.Fprintln(w)
	}
}

func (r Report) summary(w io.Writer) {
	var counts []string
	for _, v := range verdict.All() {
		if n := r.Counts[v]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, v))
		}
	}
	if n := len(r.Unattributed); n > 0 {
		counts = append(counts, money.Count(n, "payment")+" without an invoice")
	}
	if len(counts) == 0 {
		counts = []string{"no invoice and no payment"}
	}
	fmt.Fprintf(w, "%s.\n", strings.Join(counts, ", "))
	if r.Others > 0 {
		fmt.Fprintf(w, "Left as they are: %s that are not this ledger's.\n",
			money.Count(r.Others, "payment"))
	}
	if r.Partial || r.Counts[verdict.Unbilled] > 0 {
		fmt.Fprintf(w, "Not looked for: what was created before %s", r.Since.Format(timeFormat))
		if r.Until != nil {
			fmt.Fprintf(w, ", or from %s on", r.Until.Format(timeFormat))
		}
		fmt.Fprintln(w, ".")
	}
	for _, t := range r.Totals {
		fmt.Fprintf(w, "Due %s, paid %s, in the ledger %s.\n", money.Amount(t.DueMinor, t.Currency),
			money.Amount(t.ChargedMinor-t.RefundedMinor, t.Currency),
			money.Amount(t.EnteredMinor-t.EnteredRefundsMinor, t.Currency))
	}
}

// String describes in one line what was done.
func (d Done) String() string {
	did := map[Kind]string{
		RecordCharge: "recorded the charge ", RecordRefund: "recorded the refund of ",
		RecordReversal: "recorded the failed refund of ", RefundCharge: "refunded ",
		RecordClaim:  "recorded the claim with ",
		CancelIntent: "canceled ",
	}[d.Kind]
	if d.Error != "" {
		did = "could not " + string(d.Kind) + " "
	}
	said := d.Invoice + ": " + did + d.PaymentIntent
	if d.Kind != CancelIntent {
		said += ", " + money.Amount(d.AmountMinor, d.Currency)
	}
	if d.Refund != "" {
		said += " (" + d.Refund + ")"
	}
	if d.Error != "" {
		said += ": " + d.Error
	}
	return said
}
