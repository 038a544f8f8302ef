package faulttest

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/faults"
)

const legend = `R right, O overcharged, U unbilled, X unrecorded; charges at Stripe/ledger entries
→ after a recovery run; n/a: not applicable; or: results of different runs
held: the lock is never released or outlives the fault, so nobody waited for its end
locked and exactly-once: our modes, as expected in internal/faults`

func (m measured) add(id cellID, short string) {
	if !slices.Contains(m[id], short) {
		m[id] = append(m[id], short)
		slices.Sort(m[id])
	}
}

// word returns the text of a cell in the table.
func (m measured) word(id cellID) string {
	if len(m[id]) == 0 {
		return faults.NotApplicable
	}
	return strings.Join(m[id], " or ")
}

// printTable prints a row for each fault and a column for each peer.
func (c *flags) printTable(w io.Writer, ids []cellID, m measured) error {
	rows := c.table(ids, m)
	if c.Markdown {
		rows = slices.Insert(rows, 1, slices.Repeat([]string{"---"}, len(rows[0])))
		for _, row := range rows {
			fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
		}
		_, err := fmt.Fprintf(w, "\n%s\n", legend)
		return err
	}
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(columns, strings.Join(row, "\t"))
	}
	fmt.Fprintf(columns, "\n%s\n", legend)
	return columns.Flush()
}

// ours are the modes to compare with: the first that has a safe lock, and the last.
func ours() []string {
	modes := billing.Modes()
	safe := slices.IndexFunc(modes, func(m billing.Mode) bool {
		return m.Lock == billing.SafeLock
	})
	return []string{modes[safe].Name, modes[len(modes)-1].Name}
}

// table returns the head and the rows.
func (c *flags) table(ids []cellID, m measured) (rows [][]string) {
	var names []string
	var faults []faults.Fault
	for _, id := range ids {
		if !slices.Contains(names, id.name) {
			names = append(names, id.name)
		}
		if !slices.Contains(faults, id.fault) {
			faults = append(faults, id.fault)
		}
	}
	head := []string{"fault"}
	for _, name := range names {
		if p, err := c.all.named(name); err == nil {
			head = append(head, p.title())
		}
	}
	rows = append(rows, append(head, ours()...))
	for _, f := range faults {
		row := []string{string(f)}
		for _, name := range names {
			row = append(row, m.word(cellID{name, f}))
		}
		for _, mode := range ours() {
			row = append(row, expected(mode, f))
		}
		rows = append(rows, row)
	}
	return rows
}

// expected returns the cell of one of our modes.
func expected(mode string, f faults.Fault) string {
	e, err := faults.Expected(mode, f, 3)
	if err != nil || !e.Applies {
		return faults.NotApplicable
	}
	return faults.Short(e.After, e.Recovered)
}
