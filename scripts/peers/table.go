package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"example.com/triplecharge/internal/verdicts"
)

const legend = "R right, O overcharged, U unbilled, X unrecorded; charges/entries, after → a quiet " +
	"run where that changes them;\nn/a the fault can't meet the peer; or: runs that differed"

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

// table is the head and the rows.
func table(ids []cellID, m measured) (rows [][]string) {
	head := []string{"fault"}
	var faults []verdicts.Fault
	for _, id := range ids {
		if !slices.Contains(head, id.peer) {
			head = append(head, id.peer)
		}
		if !slices.Contains(faults, id.fault) {
			faults = append(faults, id.fault)
		}
	}
	rows = append(rows, slices.Clone(head))
	for i, name := range head[1:] {
		if p, err := peerNamed(name); err == nil {
			rows[0][i+1] = strings.TrimSpace(name + " " + p.version())
		}
	}
	for _, f := range faults {
		row := []string{string(f)}
		for _, name := range head[1:] {
			row = append(row, m.word(cellID{name, f}))
		}
		rows = append(rows, row)
	}
	return rows
}
