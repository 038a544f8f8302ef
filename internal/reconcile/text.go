package reconcile

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/lipgloss/table"

	"example.com/triplecharge/internal/timeline"
)

const (
	// shownWhole is up to how many invoices a report shows each; of more, those that need a look.
	shownWhole = 20
	// shownMost is how many lines of a kind a terminal is given; --json has all.
	shownMost = 50
	// timeFormat is to the minute: a window is days wide.
	timeFormat = "2006-01-02 15:04 MST"
)

// Text writes a report for people.
func (r Report) Text(w io.Writer) {
	fmt.Fprintf(w, "Billing period %s: %s in the ledger, compared with %s at Stripe,\n"+
		"all that were created %s.\n\n", r.Period, count(len(r.Invoices), "invoice"),
		count(r.Listed, "PaymentIntent"), r.window())
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

// shown returns the invoices that a person is shown, and how many are left out of those that need
// a look.
func (r Report) shown() (shown []Invoice, more int) {
	if len(r.Invoices) <= shownWhole {
		return r.Invoices, 0
	}
	for _, i := range r.Invoices {
		switch {
		case i.Is(Right) && len(i.ToDo) == 0:
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
	todo := r.Actions() > 0
	if todo {
		headers = append(headers, "to do")
	}
	const verdict = 4 // its column
	render := lipgloss.NewRenderer(w)
	t := table.New().Headers(headers...).
		Border(lipgloss.HiddenBorder()).BorderTop(false).BorderBottom(false).BorderLeft(false).
		BorderRight(false).BorderHeader(false).
		StyleFunc(func(row, col int) lipgloss.Style {
			style := render.NewStyle().PaddingLeft(2)
			switch {
			case row == table.HeaderRow:
				return style.Faint(true)
			case col == verdict:
				return style.Foreground(colour(shown[row]))
			}
			return style
		})
	for _, i := range shown {
		cells := []string{i.Subscription, "nothing",
			i.times(i.Charges, i.ChargedMinor, i.RefundedMinor),
			i.times(i.Entries, i.EnteredMinor, i.EnteredRefundsMinor), i.verdict()}
		if i.DueMinor > 0 {
			cells[1] = timeline.Money(i.DueMinor, i.Currency)
		}
		if todo {
			cells = append(cells, inShort(i.ToDo))
		}
		t.Row(cells...)
	}
	for line := range strings.Lines(t.String()) {
		fmt.Fprintln(w, strings.TrimRight(line, " \n"))
	}
	if more > 0 {
		fmt.Fprintf(w, "  and %d more that need a look: --json lists all\n", more)
	}
	fmt.Fprintln(w)
}

func colour(i Invoice) lipgloss.Color {
	switch {
	case i.Is(Right):
		return lipgloss.Color("2") // green
	case len(i.Verdicts) == 1 && i.Is(Pending):
		return lipgloss.Color("3") // yellow
	}
	return lipgloss.Color("1") // red
}

func (i Invoice) verdict() string {
	var words []string
	for _, v := range i.Verdicts {
		words = append(words, string(v))
	}
	return strings.Join(words, ", ")
}

// times is "3 × $10.00 = $30.00 less $20.00" if each of them is what was due, else what they come
// to.
func (i Invoice) times(n int, minor, refunded int64) (s string) {
	switch money := timeline.Money(minor, i.Currency); {
	case n == 0:
		return "nothing"
	case n == 1:
		s = "1 × " + money
	case minor == int64(n)*i.DueMinor && !i.Is(InDoubt):
		s = fmt.Sprintf("%d × %s = %s", n, timeline.Money(i.DueMinor, i.Currency), money)
	default:
		s = fmt.Sprintf("%d, %s in all", n, money)
	}
	if refunded != 0 {
		s += " less " + timeline.Money(refunded, i.Currency)
	}
	return s
}

// inShort sums up what there is to do about one invoice: "record 2, refund $20.00".
func inShort(actions []Action) string {
	entries, _ := sum(actions, RecordCharge, RecordRefund)
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

// ToDo says what there is to do in all, "" if nothing.
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
		{RefundCharge, "refund", "charge"}, {CancelIntent, "cancel", "inert PaymentIntent"},
	} {
		n, amounts := sum(all, thing.kind)
		switch {
		case n > 0 && thing.kind == CancelIntent:
			said = append(said, thing.verb+" "+count(n, thing.noun))
		case n > 0:
			said = append(said, fmt.Sprintf("%s %s (%s)", thing.verb, count(n, thing.noun),
				moneys(amounts)))
		}
	}
	return strings.Join(said, ", ")
}

// sum counts the actions of some kinds, and adds up their amounts by currency.
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

// moneys writes amounts of several currencies.
func moneys(amounts map[string]int64) string {
	var said []string
	for currency, minor := range amounts {
		said = append(said, timeline.Money(minor, currency))
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
		fmt.Fprintln(w, "  Payments that belong to no invoice; they are left as they are:")
	}
	for _, u := range r.Unattributed[:min(len(r.Unattributed), shownMost)] {
		what := ""
		if u.Subscription != "" || u.Period != "" {
			what = fmt.Sprintf(" for %q/%q", u.Subscription, u.Period)
		}
		fmt.Fprintf(w, "  %s of %s, %s%s: %s\n", u.PaymentIntent, u.Created.Format(timeFormat),
			timeline.Money(u.RemainingMinor, u.Currency), what, u.Why)
	}
	closeList(w, len(r.Unattributed))
}

// closeList ends a list of so many lines.
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
	for _, v := range Verdicts() {
		if n := r.Counts[v]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, v))
		}
	}
	if n := len(r.Unattributed); n > 0 {
		counts = append(counts, count(n, "payment")+" without an invoice")
	}
	if len(counts) == 0 {
		counts = []string{"no invoice and no payment"}
	}
	fmt.Fprintf(w, "%s.\n", strings.Join(counts, ", "))
	for _, t := range r.Totals {
		fmt.Fprintf(w, "Due %s, paid %s, in the ledger %s.\n", timeline.Money(t.DueMinor, t.Currency),
			timeline.Money(t.ChargedMinor-t.RefundedMinor, t.Currency),
			timeline.Money(t.EnteredMinor-t.EnteredRefundsMinor, t.Currency))
	}
}

// String says what was done, in a line.
func (d Done) String() string {
	did := map[Kind]string{
		RecordCharge: "recorded the charge ", RecordRefund: "recorded the refund of ",
		RefundCharge: "refunded ", CancelIntent: "canceled ",
	}[d.Kind]
	if d.Error != "" {
		did = "could not " + string(d.Kind) + " "
	}
	said := d.Invoice + ": " + did + d.PaymentIntent
	if d.Kind != CancelIntent {
		said += ", " + timeline.Money(d.AmountMinor, d.Currency)
	}
	if d.Refund != "" {
		said += " (" + d.Refund + ")"
	}
	if d.Error != "" {
		said += ": " + d.Error
	}
	return said
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
