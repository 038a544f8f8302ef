package main

import (
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/lipgloss/table"

	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/verdicts"
)

// playedCells are the matrix, as far as it was played.
type playedCells map[scenario.CellID]scenario.Cell

// legend explains the letters.
const legend = "R right, O overcharged, U unbilled, X unrecorded, " +
	"n/a the fault can't meet the mode; " +
	"charges/entries; after → a quiet run where that changes them; ! not as expected"

// axes are the modes and the faults among the cells, in their order.
func axes(ids []scenario.CellID) (modes []string, faults []verdicts.Fault) {
	seenMode, seenFault := map[string]bool{}, map[verdicts.Fault]bool{}
	for _, id := range ids {
		if !seenMode[id.Mode] {
			seenMode[id.Mode] = true
			modes = append(modes, id.Mode)
		}
		if !seenFault[id.Fault] {
			seenFault[id.Fault] = true
			faults = append(faults, id.Fault)
		}
	}
	return modes, faults
}

// word is a cell in the table, such as "OX 2/1" or "U 0/0→1/1".
func word(c scenario.Cell) string {
	if !c.Expected.Applies {
		return verdicts.NotApplicable
	}
	s := verdicts.Verdict{After: c.After, Recovered: c.Recovered}.Short()
	if !c.OK() {
		s += " !"
	}
	return s
}

// good reports whether the customer is right in the end.
func good(c scenario.Cell) bool {
	return c.Expected.Applies && verdicts.Judge(c.Recovered) == verdicts.Right
}

func (t playedCells) text(w io.Writer, ids []scenario.CellID) error {
	modes, faults := axes(ids)
	render := lipgloss.NewRenderer(w)
	cellAt := func(row, col int) scenario.Cell {
		return t[scenario.CellID{Mode: modes[col-1], Fault: faults[row]}]
	}
	lt := table.New().Headers(append([]string{"fault"}, modes...)...).
		Border(lipgloss.HiddenBorder()).BorderTop(false).BorderBottom(false).BorderLeft(false).
		BorderRight(false).BorderHeader(false).
		StyleFunc(func(row, col int) lipgloss.Style {
			style := render.NewStyle()
			switch {
			case row == table.HeaderRow || col == 0:
			case !cellAt(row, col).Expected.Applies:
				style = style.Faint(true)
			case good(cellAt(row, col)):
				style = style.Foreground(green)
			default:
				style = style.Foreground(red)
			}
			return style
		})
	for _, f := range faults {
		row := []string{string(f)}
		for _, mode := range modes {
			row = append(row, word(t[scenario.CellID{Mode: mode, Fault: f}]))
		}
		lt.Row(row...)
	}
	_, err := fmt.Fprintf(w, "\n%s\n\n%s\n", lt, legend)
	return err
}

func (t playedCells) markdown(w io.Writer, ids []scenario.CellID) error {
	modes, faults := axes(ids)
	fmt.Fprintf(w, "| fault | %s |\n|---|%s\n", strings.Join(modes, " | "),
		strings.Repeat("---|", len(modes)))
	for _, f := range faults {
		fmt.Fprintf(w, "| %s |", f)
		for _, mode := range modes {
			fmt.Fprintf(w, " %s |", word(t[scenario.CellID{Mode: mode, Fault: f}]))
		}
		fmt.Fprintln(w)
	}
	_, err := fmt.Fprintf(w, "\n%s\n", legend)
	return err
}

// page is the table in HTML. The letters say what the colours say.
const page = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Every mode against every fault</title>
<style>
  :root { color-scheme: light dark; }
  body { font: 14px system-ui, sans-serif; margin: 1rem; }
  table { border-collapse: collapse; }
  th, td { border: 1px solid #8888; padding: .25rem .5rem; text-align: left; white-space: nowrap; }
  .right { background: #2a24; } .wrong { background: #c224; } .na { opacity: .6; }
</style>
<h1>Every mode against every fault</h1>
<table><thead><tr><th scope="col">fault</th>{{range .Modes}}<th scope="col">{{.}}</th>{{end}}</tr>
</thead><tbody>
{{range .Rows}}<tr><th scope="row" title="{{.About}}">{{.Fault}}</th>
{{- range .Cells}}<td class="{{.Class}}" title="{{.Why}}">{{.Word}}</td>{{end}}</tr>
{{end}}</tbody></table>
<p>{{.Legend}}</p>
</html>
`

func (t playedCells) html(w io.Writer, ids []scenario.CellID) error {
	type cell struct{ Class, Word, Why string }
	type row struct {
		Fault verdicts.Fault
		About string
		Cells []cell
	}
	modes, faults := axes(ids)
	var rows []row
	for _, f := range faults {
		r := row{Fault: f, About: verdicts.About(f)}
		for _, mode := range modes {
			c := t[scenario.CellID{Mode: mode, Fault: f}]
			class := "wrong"
			if good(c) {
				class = "right"
			} else if !c.Expected.Applies {
				class = "na"
			}
			r.Cells = append(r.Cells, cell{class, word(c), c.Expected.Why})
		}
		rows = append(rows, r)
	}
	parsed, err := template.New("matrix").Parse(page)
	if err != nil {
		return err
	}
	return parsed.Execute(w, map[string]any{"Modes": modes, "Rows": rows, "Legend": legend})
}
