package main

import (
	_ "embed"
	"html/template"
	"io"

	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/verdicts"
)

//go:embed matrix.html
var page string

// pageCell is a cell in HTML. Its class is a colour's, and its word says what the colour does.
type pageCell struct{ Mode, Class, Word, Why string }

type pageRow struct {
	Fault verdicts.Fault
	About string
	Cells []pageCell
}

// html prints the table as a page of its own, with the reasons below it.
func (t playedCells) html(w io.Writer, ids []scenario.CellID) error {
	classes := map[string]string{
		"R": "right", "O": "overcharged", "U": "unbilled", "X": "unrecorded", "": "unknown",
	}
	modes, faults := axes(ids)
	var rows []pageRow
	for _, f := range faults {
		row := pageRow{Fault: f, About: verdicts.About(f)}
		for _, mode := range modes {
			c := t[scenario.CellID{Mode: mode, Fault: f}]
			one := pageCell{mode, classes[tone(c)], word(c), c.Expected.Why}
			if !c.OK() {
				one.Class += " wrong"
				one.Why = complaint(c)
			}
			if c.Err != nil {
				one.Why = c.Err.Error()
			}
			row.Cells = append(row.Cells, one)
		}
		rows = append(rows, row)
	}
	parsed, err := template.New("matrix").Parse(page)
	if err != nil {
		return err
	}
	return parsed.Execute(w, map[string]any{
		"Modes": modes, "Rows": rows, "Legend": legend(), "Summary": t.summary(),
	})
}
