package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/lipgloss/table"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/internal/verdicts"
)

// print writes results for people.
type print struct {
	out   io.Writer
	names map[string]string // what the customer of a subscription is called
}

// name is what the account's customer is called.
func (p print) name(a scenario.Account) string { return p.names[a.Subscription] }

func names(list []billing.Subscription) map[string]string {
	names := map[string]string{}
	for _, s := range list {
		names[s.ID] = s.Customer
	}
	return names
}

// tableRows is how many customers the table shows; a longer list is summed up.
const tableRows = 20

// result prints one mode's: the picture of the first invoice, the accounts, the cost of the lock.
func (p print) result(mode billing.Mode, r scenario.Result) {
	p.heading(mode)
	first := r.Accounts[0]
	name := p.name(first)
	fmt.Fprintf(p.out, "  %d servers at midnight, %s's invoice for %s:\n\n",
		r.Servers, name, first.Period)
	r.Picture.Text(p.out, name)
	fmt.Fprintln(p.out)
	p.accounts(r)
	p.cost(r.Lock)
	p.promise(r)
}

func (p print) heading(mode billing.Mode) {
	bold := lipgloss.NewRenderer(p.out).NewStyle().Bold(true)
	fmt.Fprintf(p.out, "\n%s: %s\n\n", bold.Render(mode.Name), mode.Promise)
}

// accounts prints what each customer owed and paid.
func (p print) accounts(r scenario.Result) {
	render := lipgloss.NewRenderer(p.out)
	t := table.New().Headers("customer", "owed", "charged at Stripe", "in the ledger", "verdict").
		Border(lipgloss.HiddenBorder()).BorderTop(false).BorderBottom(false).BorderLeft(false).
		BorderRight(false).BorderHeader(false).
		StyleFunc(func(row, col int) lipgloss.Style {
			style := render.NewStyle().PaddingLeft(2)
			if row == table.HeaderRow {
				return style.Faint(true)
			}
			if col == 4 {
				return style.Foreground(colour(r.Accounts[row]))
			}
			return style
		})
	for _, a := range r.Accounts[:min(len(r.Accounts), tableRows)] {
		t.Row(p.name(a), timeline.Money(a.DueMinor, a.Currency),
			times(a.Charges, a.ChargedMinor, a.Currency),
			times(a.Entries, a.EnteredMinor, a.Currency), verdicts.Judge(a.Counts()))
	}
	fmt.Fprintln(p.out, t)
	if more := len(r.Accounts) - tableRows; more > 0 {
		fmt.Fprintf(p.out, "  and %d more\n", more)
	}
	fmt.Fprintln(p.out)
}

func (p print) cost(l scenario.Lock) {
	switch {
	case l.Obtained+l.Held == 0:
		fmt.Fprintf(p.out, "  No lock: it cost nothing beside a charge of %.0f ms.\n", l.ChargeMS)
		return
	case l.Claims:
		fmt.Fprintf(p.out, "  The claim cost %.1f ms to ask for, beside a charge of %.0f ms.\n",
			l.AcquireMS, l.ChargeMS)
		return
	}
	fmt.Fprintf(p.out, "  The lock cost %.1f ms to ask for and %.1f ms to release, "+
		"beside a charge of %.0f ms.\n", l.AcquireMS, l.ReleaseMS, l.ChargeMS)
}

func (p print) promise(r scenario.Result) {
	if r.OK() {
		fmt.Fprintf(p.out, "  As expected, %s for each invoice: %s.\n", r.Expected.After, r.Expected.Why)
		return
	}
	fmt.Fprintf(p.out, "  NOT AS EXPECTED: %s promises %s for each invoice.\n",
		r.Mode, r.Expected.After)
}

// The colours of a verdict, as the terminal has them.
const (
	red   = lipgloss.Color("1")
	green = lipgloss.Color("2")
)

func colour(a scenario.Account) lipgloss.Color {
	if verdicts.Judge(a.Counts()) == verdicts.Right {
		return green
	}
	return red
}

// times is "3 × $10.00 = $30.00", or the plain amount of one.
func times(n int, minor int64, currency string) string {
	switch {
	case n == 0:
		return "nothing"
	case n == 1 || minor%int64(n) != 0:
		return fmt.Sprintf("%d × %s", n, timeline.Money(minor, currency))
	}
	return fmt.Sprintf("%d × %s = %s", n, timeline.Money(minor/int64(n), currency),
		timeline.Money(minor, currency))
}

// lesson closes the show.
func (p print) lesson(results []scenario.Result) {
	var said []string
	for _, r := range results {
		a := r.Accounts[0]
		said = append(said, fmt.Sprintf("%s (%s)",
			timeline.Money(a.ChargedMinor, a.Currency), r.Mode))
	}
	a := results[0].Accounts[0]
	fmt.Fprintf(p.out, "\n%s owed %s and paid %s.\n", p.name(a),
		timeline.Money(a.DueMinor, a.Currency), strings.Join(said, ", "))
}
