package suspects

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"example.com/triplecharge/internal/money"
	"example.com/triplecharge/internal/report"
)

// shownMost limits the suspects in the table; the CSV has all.
const shownMost = 50

// Text prints the report for people.
func (r Report) Text(w io.Writer) {
	for _, s := range r.Suspects[:min(len(r.Suspects), shownMost)] {
		fmt.Fprintf(w, "%s: %s\n", s.Sure, harmless(s.Why))
		t := report.Table{Indent: 2}
		for _, p := range s.Payments {
			took := amount(p.AmountMinor, p.Currency)
			if p.RefundedMinor > 0 {
				took += " less " + amount(p.RefundedMinor, p.Currency)
			}
			t.Rows = append(t.Rows, []string{harmless(p.name()),
				p.Created.Format(time.DateTime) + " UTC", took, s.toDo(p)})
		}
		t.Print(w)
		fmt.Fprintln(w)
	}
	if n := len(r.Suspects) - shownMost; n > 0 {
		fmt.Fprintf(w, "And %d more: --csv-out and --html have all.\n\n", n)
	}
	for _, line := range r.summary() {
		fmt.Fprintln(w, line)
	}
}

func amount(minor int64, currency string) string { return money.Amount(minor, harmless(currency)) }

func (r Report) summary() []string {
	counts, back, taken := map[string]int{}, map[string]int64{}, map[string]int64{}
	for _, s := range r.Suspects {
		counts[s.Sure]++
		for _, p := range s.Payments {
			taken[p.Currency] += p.AmountMinor
			back[p.Currency] += p.RefundedMinor
		}
	}
	said := []string{fmt.Sprintf("%s: %s (%d likely, %d unsure, %d settled).",
		money.Count(r.Payments, "payment"), money.Count(len(r.Suspects), "suspect"),
		counts[Likely], counts[Unsure], counts[Settled])}
	for _, currency := range slices.Sorted(maps.Keys(taken)) {
		said = append(said, fmt.Sprintf("Taken in suspects: %s. Given back since: %s. "+
			"Would be given back: %s.", amount(taken[currency], currency),
			amount(back[currency], currency), amount(r.Back[currency], currency)))
	}
	if counts[Unsure] > 0 {
		said = append(said,
			"Unsure: nothing is given back unless you set its give_back_minor in the CSV.")
	}
	if r.Nameless > 0 {
		said = append(said, fmt.Sprintf("Not looked at: %s without what they are grouped by.",
			money.Count(r.Nameless, "payment")))
	}
	for _, status := range slices.Sorted(maps.Keys(r.Skipped)) {
		said = append(said, fmt.Sprintf(
			"Left out, since they took no money: %d with the status %q.",
			r.Skipped[status], status))
	}
	return append(said, "Nothing was changed.")
}

//go:embed suspects.html
var page string

// HTML prints all suspects as a page, for a screen of any width and for paper.
func (r Report) HTML(w io.Writer) error {
	parsed, err := template.New("suspects").Funcs(template.FuncMap{
		"amount": amount, "harmless": harmless, "time": time.Time.Format,
		"todo": Suspect.toDo, "name": Payment.name,
	}).Parse(page)
	if err != nil {
		return err
	}
	return parsed.Execute(w, map[string]any{"Summary": r.summary(), "Suspects": r.Suspects})
}

// toDo says what would be done about a payment; the page's style has its first word.
func (s Suspect) toDo(p Payment) string {
	switch {
	case s.Keep == p.ID:
		return "keep"
	case s.Sure == Unsure:
		return "look"
	case s.Back(p) == 0:
		return "nothing"
	}
	return "give back " + amount(s.Back(p), p.Currency)
}

// CSV prints a line for each payment of each suspect. A person deletes the lines of what is not to
// be given back.
func (r Report) CSV(w io.Writer) error {
	rows := csv.NewWriter(w)
	_ = rows.Write(csvColumns)
	for n, s := range r.Suspects {
		for _, p := range s.Payments {
			_ = rows.Write([]string{strconv.Itoa(n + 1), s.Sure, cell(p.ID), cell(p.Intent),
				p.Created.Format(time.RFC3339), strconv.FormatInt(p.AmountMinor, 10),
				strconv.FormatInt(p.RefundedMinor, 10), cell(p.Currency), cell(p.Customer),
				strconv.FormatInt(s.Back(p), 10), cell(s.Why)})
		}
	}
	rows.Flush()
	return rows.Error()
}

// cell keeps a spreadsheet from taking what came from outside for a formula.
func cell(s string) string {
	if s = harmless(s); s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}

// harmless replaces what a terminal would act on.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}
