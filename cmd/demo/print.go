package main

import (
	"fmt"
	"io"
	"strings"

	"charm.land/lipgloss/v2"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/money"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/report"
	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/verdict"
)

// print writes results for people.
type print struct {
	out   io.Writer
	names map[string]string // of customers, by subscription ID
}

// name returns the name of the invoice's customer.
func (p print) name(a reconcile.Invoice) string { return p.names[a.Subscription] }

func names(list []billing.Subscription) map[string]string {
	names := map[string]string{}
	for _, s := range list {
		names[s.ID] = s.Customer
	}
	return names
}

// tableRows limits the customers in the table; others are only counted.
const tableRows = 20

// result prints the result of a mode: a picture of the first invoice, what each customer owed and
// paid, and the cost of the lock.
func (p print) result(mode billing.Mode, r scenario.Result) {
	p.heading(mode)
	first := r.Invoices[0]
	name := p.name(first)
	fmt.Fprintf(p.out, "  %s at midnight, %s's invoice for %s:\n\n",
		money.Count(r.Servers, "server"), name, first.Period)
	if len(r.Picture.Lanes) > 0 {
		r.Picture.Text(p.out, name)
		fmt.Fprintln(p.out)
	}
	p.accounts(r.Invoices)
	p.cost(r.Lock)
	p.promise(r)
}

func (p print) heading(mode billing.Mode) {
	_, _ = lipgloss.Fprintln(p.out, fmt.Sprintf("\n%s: %s\n",
		lipgloss.NewStyle().Bold(true).Render(mode.Name), mode.Promise))
}

// accounts prints what each customer owed and paid.
func (p print) accounts(invoices []reconcile.Invoice) {
	shown := invoices[:min(len(invoices), tableRows)]
	t := report.Table{
		Indent: 2, Headers: []string{
			"customer", "owed", "charged at Stripe", "in the ledger", "verdict",
		},
		Style: func(row, col int) lipgloss.Style {
			if col == 4 {
				return report.Colour(verdict.Judge(shown[row].Counts()))
			}
			return lipgloss.NewStyle()
		},
	}
	for _, i := range shown {
		t.Rows = append(t.Rows, []string{p.name(i), money.Amount(i.DueMinor, i.Currency),
			i.AtStripe(), i.InLedger(), verdict.Judge(i.Counts()).String()})
	}
	t.Print(p.out)
	if more := len(invoices) - len(shown); more > 0 {
		fmt.Fprintf(p.out, "  and %d more\n", more)
	}
	fmt.Fprintln(p.out)
}

func (p print) cost(l scenario.Lock) {
	switch {
	case l.Obtained+l.Held == 0:
		fmt.Fprintf(p.out, "  No lock overhead (the charge took %.0f ms).\n", l.ChargeMS)
	case l.Claims:
		fmt.Fprintf(p.out, "  Claim overhead: %.1f ms to take (the charge took %.0f ms).\n",
			l.AcquireMS, l.ChargeMS)
	default:
		fmt.Fprintf(p.out, "  Lock overhead: %.1f ms to obtain, %.1f ms to release "+
			"(the charge took %.0f ms).\n", l.AcquireMS, l.ReleaseMS, l.ChargeMS)
	}
}

func (p print) promise(r scenario.Result) {
	if n := len(r.Declined); n > 0 {
		fmt.Fprintf(p.out, "  %s declined, so nothing was charged there.\n", money.Count(n, "card"))
	}
	p.judged(r.Mode, r.Expected, r.OK(),
		fmt.Sprintf(", %s for each invoice: %s.", r.Expected.After, r.Expected.Why),
		fmt.Sprintf("%s promises %s for each invoice.", r.Mode, r.Expected.After))
}

// lesson prints what the first customer owed, and paid in each mode.
func (p print) lesson(results []scenario.Result) {
	var said []string
	for _, r := range results {
		a := r.Invoices[0]
		said = append(said, fmt.Sprintf("%s (%s)",
			money.Amount(a.ChargedMinor, a.Currency), r.Mode))
	}
	a := results[0].Invoices[0]
	fmt.Fprintf(p.out, "\n%s owed %s and paid %s.\n", p.name(a),
		money.Amount(a.DueMinor, a.Currency), strings.Join(said, ", "))
}
