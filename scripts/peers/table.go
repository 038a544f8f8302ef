package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"example.com/triplecharge/internal/verdicts"
)

const legend = "R right, O overcharged, U unbilled, X unrecorded: charges at Stripe/entries in the " +
	"ledger\nafter → what one quiet run makes of them; n/a: the fault can't meet the peer; or: runs " +
	"that differed\nlocked and exactly-once: our own, as internal/verdicts has them"

func (m measured) add(id cellID, short string) {
	if !slices.Contains(m[id], short) {
		m[id] = append(m[id], short)
		slices.Sort(m[id])
	}
}

// word is a cell in the table.
func (m measured) word(id cellID) string {
	if len(m[id]) == 0 {
		return verdicts.NotApplicable
	}
	return strings.Join(m[id], " or ")
}

// printTable prints a row for each fault and a column for each peer.
func printTable(w io.Writer, ids []cellID, m measured, markdown bool) error {
	rows := table(ids, m)
	if markdown {
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

// ours are the modes of our own that stand beside the peers.
func ours() []string { return []string{"locked", "exactly-once"} }

// table is the head and the rows.
func table(ids []cellID, m measured) (rows [][]string) {
	var names []string
	var faults []verdicts.Fault
	for _, id := range ids {
		if !slices.Contains(names, id.peer) {
			names = append(names, id.peer)
		}
		if !slices.Contains(faults, id.fault) {
			faults = append(faults, id.fault)
		}
	}
	head := []string{"fault"}
	for _, name := range names {
		if p, err := peerNamed(name); err == nil {
			head = append(head, strings.TrimSpace(name+" "+p.version()))
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

// expected is the cell of a mode of ours.
func expected(mode string, f verdicts.Fault) string {
	v, ok := verdicts.Expected(mode, f, 3)
	if !ok || !v.Applies {
		return verdicts.NotApplicable
	}
	return v.Short()
}
