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

var columnNames = []string{"payment", "created", "amount", "given back", "customer", "to do"}

// Text prints the report for people.
func (r Report) Text(w io.Writer) {
	t := report.Table{Headers: columnNames, Indent: 2}
	for _, s := range r.Suspects[:min(len(r.Suspects), shownMost)] {
		for _, p := range s.Payments {
			t.Rows = append(t.Rows, s.cells(p))
		}
		t.Rows = append(t.Rows, []string{s.Sure + ": " + harmless(s.Why)}, []string{""})
	}
	if len(t.Rows) > 0 {
		t.Print(w)
	}
	if n := len(r.Suspects) - shownMost; n > 0 {
		fmt.Fprintf(w, "  and %d more: --csv-out and --html have all\n\n", n)
	}
	for _, line := range r.summary() {
		fmt.Fprintln(w, line)
	}
}

func (s Suspect) cells(p Payment) []string {
	return []string{
		harmless(p.ID), p.Created.Format(time.DateTime),
		money.Amount(p.AmountMinor, harmless(p.Currency)),
		money.Amount(p.RefundedMinor, harmless(p.Currency)), harmless(p.Customer), s.toDo(p),
	}
}

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
		amount := func(minor int64) string { return money.Amount(minor, harmless(currency)) }
		said = append(said, fmt.Sprintf("Taken in suspects: %s. Given back since: %s. "+
			"Would be given back: %s.", amount(taken[currency]), amount(back[currency]),
			amount(r.Back[currency])))
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
	type cell struct{ Name, Text, Class string }
	type suspect struct {
		Sure, Why string
		Rows      []struct{ Cells []cell }
	}
	var all []suspect
	for _, s := range r.Suspects {
		one := suspect{Sure: s.Sure, Why: harmless(s.Why)}
		for _, p := range s.Payments {
			var row struct{ Cells []cell }
			for n, text := range s.cells(p) {
				row.Cells = append(row.Cells, cell{Name: columnNames[n], Text: text})
			}
			row.Cells[len(row.Cells)-1].Class, _, _ = strings.Cut(strings.TrimPrefix(
				s.toDo(p), "give "), " ")
			one.Rows = append(one.Rows, row)
		}
		all = append(all, one)
	}
	parsed, err := template.New("suspects").Parse(page)
	if err != nil {
		return err
	}
	return parsed.Execute(w, map[string]any{"Summary": r.summary(), "Suspects": all})
}

func (s Suspect) toDo(p Payment) string {
	switch {
	case s.Sure == Settled:
		return "nothing"
	case s.Keep == p.ID:
		return "keep"
	case s.Back(p) > 0:
		back := "give back " + money.Amount(s.Back(p), harmless(p.Currency))
		if s.Sure == Unsure {
			back += "?"
		}
		return back
	}
	return "look"
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
