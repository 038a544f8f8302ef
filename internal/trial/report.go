package trial

import (
	"cmp"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/template"

	"charm.land/lipgloss/v2"

	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/money"
	"example.com/triplecharge/internal/report"
	"example.com/triplecharge/internal/screen"
	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/internal/verdict"
)

// Report is a trial, and how to print it.
type Report []Row

// Wrong returns how many rows are not OK.
func (r Report) Wrong() (n int) {
	for _, row := range r {
		if !row.OK {
			n++
		}
	}
	return n
}

// Outcome is the row's verdict in a few words.
func (r Row) Outcome() string {
	switch {
	case r.NA != "":
		return faults.NotApplicable
	case r.Verdict == "":
		return "not played"
	case r.Verdict == string(verdict.Right) && !r.OK:
		return "not right"
	}
	return r.Verdict
}

// taken describes what Stripe took for all invoices.
func taken(all []Invoice) string {
	switch len(all) {
	case 0:
		return "nothing"
	case 1:
		return all[0].String()
	}
	var counts []string
	for _, i := range all {
		counts = append(counts, fmt.Sprint(i.Charges))
	}
	slices.Sort(counts)
	return fmt.Sprintf("%d × %s", len(all), strings.Join(slices.Compact(counts), " or "))
}

// Text prints the trial for people, with pictures of what was seen from outside if asked for.
func (r Report) Text(w io.Writer, pictures bool) {
	t := report.Table{
		Indent: 2, Headers: []string{"fault", "Stripe took", "after a recovery run", "verdict"},
		Style: func(row, col int) lipgloss.Style {
			if col < 3 || r[row].NA != "" {
				return lipgloss.NewStyle()
			}
			words := verdict.Words{verdict.Word(strings.Split(r[row].Outcome(), ", ")[0])}
			return report.Colour(words)
		},
	}
	for _, row := range r {
		t.Rows = append(t.Rows, []string{
			string(row.Fault), taken(row.After), taken(row.Recovered), row.Outcome(),
		})
	}
	fmt.Fprintln(w)
	t.Print(w)
	var advice []string
	of := map[string][]string{} // the faults, by their advice
	for _, row := range r {
		if pictures && row.Fault != alone {
			fmt.Fprintf(w, "\n  %s: %s\n\n", row.Fault, row.Text)
			row.Picture.Text(w, customer)
		}
		for _, problem := range append(slices.Clone(row.Problems), row.NA) {
			if problem != "" {
				fmt.Fprintf(w, "\n  %s: %s.\n", row.Fault, problem)
			}
		}
		if row.Advice != "" {
			if of[row.Advice] == nil {
				advice = append(advice, row.Advice)
			}
			of[row.Advice] = append(of[row.Advice], string(row.Fault))
		}
	}
	for _, a := range advice {
		fmt.Fprint(w, screen.Wrap(fmt.Sprintf("\n  What would have saved %s:\n    %s\n",
			strings.Join(of[a], ", "), a), cmp.Or(screen.Columns(w), 92)))
	}
	fmt.Fprintf(w, "\n  Right: %d of %s.\n", len(r)-r.Wrong(), money.Count(len(r), "row"))
}

// customer is whom the pictures' sentences charge.
const customer = "the customer"

// Runs returns the rows of faults as runs that can be shown again.
func (r Report) Runs() (runs []timeline.Run) {
	for _, row := range r {
		if row.Fault != alone {
			runs = append(runs, row.Picture.Run(timeline.Run{
				Title: string(row.Fault) + ": " + row.Outcome(), About: row.Text,
				Customer: customer,
				Verdict: fmt.Sprintf("Stripe took %s; after a recovery run, %s: %s.",
					taken(row.After), taken(row.Recovered), row.Outcome()),
			}))
		}
	}
	return runs
}

// JSON prints the trial as JSON.
func (r Report) JSON(w io.Writer) error {
	return report.JSON(w, map[string]any{"rows": r, "ok": r.Wrong() == 0})
}

//go:embed report.html
var page string

// HTML prints the trial as a page with the pictures in it.
func (r Report) HTML(w io.Writer) error { return r.fill(w, page) }

// junit is the format as far as CI systems read it (https://github.com/testmoapp/junitxml).
//
//go:embed report.xml
var junit string

// JUnit prints the trial as a test suite, with a case for each row.
func (r Report) JUnit(w io.Writer) error { return r.fill(w, junit) }

// fill writes a template, which escapes by itself.
func (r Report) fill(w io.Writer, text string) error {
	parsed, err := template.New("report").Funcs(template.FuncMap{
		"taken": taken,
		"picture": func(row Row) (string, error) {
			var drawn strings.Builder
			if row.Fault == alone {
				return "", nil
			}
			err := timeline.Canvas{
				Picture: row.Picture, Title: string(row.Fault), Name: customer,
			}.SVG(&drawn)
			return drawn.String(), err
		},
	}).Parse(text)
	if err != nil {
		return err
	}
	return parsed.Execute(w, r)
}

// What would have saved an invoice, in a sentence.

const oneIntent = "one PaymentIntent per invoice, stored before it is confirmed, which no " +
	"request can charge twice"

func overcharged(f faults.Fault) string {
	switch f {
	case faults.None, faults.RedisDown:
		return "The invoice as the idempotency key, or a row in your database that only one " +
			"server can insert, before it charges."
	case faults.Late, faults.CrashBeforeCharge, faults.Stripe500Before, faults.DeclinedThenFixed:
		return "Something that remembers: ask your ledger while you hold the lock, or send the " +
			"invoice as the idempotency key."
	case faults.Pause, faults.SlowStripe, faults.RedisRestart:
		return "The invoice as the idempotency key: a lock can't stop a request that was sent."
	case faults.CrashAfterCharge, faults.PostgresDown:
		return "The invoice as the idempotency key: your ledger doesn't know of the charge, and " +
			"Stripe does."
	case faults.LostReply, faults.Stripe500After:
		return "The invoice as the idempotency key: without a reply the outcome is unknown, and " +
			"only the same key may ask again."
	}
	return "What Stripe doesn't forget after 24 hours: " + oneIntent + "."
}

func unbilled(f faults.Fault) string {
	switch f {
	case faults.Stripe500Before, faults.Stripe500After, faults.DeclinedThenFixed:
		return "Another attempt, under another key: Stripe repeats its answer to a key for 24 " +
			"hours. To be safe with a new key, " + oneIntent + "."
	}
	return "A lock or a claim that expires, and whose next holder asks Stripe what became of the " +
		"charge. (If yours does expire, say after how long: --lock-ttl.)"
}
