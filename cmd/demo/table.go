package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/lipgloss/table"

	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/verdicts"
)

// playedCells are the matrix, as far as it was played.
type playedCells map[scenario.CellID]scenario.Cell

// legend explains the words in the cells.
func legend() []string {
	return []string{
		"R right, O overcharged, U unbilled, X unrecorded: charges at Stripe/entries in the ledger",
		"after → what one quiet run makes of them; n/a: the fault can't meet the mode",
		"!: not as expected",
	}
}

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

// word is a cell in the table, such as "OX 2/1" or "U 0/0→R 1/1".
func word(c scenario.Cell) string {
	switch {
	case c.Needs() != "":
		return "needs " + c.Needs()
	case c.Err != nil:
		return "not played !"
	case !c.Expected.Applies:
		return verdicts.NotApplicable
	}
	s := verdicts.Verdict{After: c.After, Recovered: c.Recovered}.Short()
	if !c.OK() {
		s += " !"
	}
	return s
}

// tone is what a cell is coloured by: the letter of what the customer is left with after the quiet
// run, the first where there are two; "" where nothing is known of that.
func tone(c scenario.Cell) string {
	if c.Err != nil || !c.Expected.Applies {
		return ""
	}
	return c.Recovered.Letters()[:1]
}

// The further colours of a verdict, as the terminal has them.
const (
	yellow  = lipgloss.Color("3")
	magenta = lipgloss.Color("5")
)

// text prints the table, in as many parts as it takes for lines that fit the width; 0 is any width.
func (t playedCells) text(w io.Writer, ids []scenario.CellID, width int) error {
	modes, faults := axes(ids)
	for len(modes) > 0 {
		n := len(modes)
		part := t.part(w, modes, faults)
		for ; n > 1 && width > 0 && lipgloss.Width(part) > width; n-- {
			part = t.part(w, modes[:n-1], faults)
		}
		fmt.Fprintf(w, "\n%s\n", part)
		modes = modes[n:]
	}
	fmt.Fprintf(w, "\n%s\n\n", strings.Join(legend(), "\n"))
	for _, id := range ids {
		if note := complaint(t[id]); note != "" {
			fmt.Fprintln(w, note)
		}
	}
	_, err := fmt.Fprintln(w, t.summary())
	return err
}

// part is the table of some of the modes.
func (t playedCells) part(w io.Writer, modes []string, faults []verdicts.Fault) string {
	render := lipgloss.NewRenderer(w)
	lt := table.New().Headers(append([]string{"fault"}, modes...)...).
		Border(lipgloss.HiddenBorder()).BorderTop(false).BorderBottom(false).BorderLeft(false).
		BorderRight(false).BorderHeader(false).
		StyleFunc(func(row, col int) lipgloss.Style {
			if row == table.HeaderRow || col == 0 {
				return render.NewStyle()
			}
			return style(render, t[scenario.CellID{Mode: modes[col-1], Fault: faults[row]}])
		})
	for _, f := range faults {
		row := []string{string(f)}
		for _, mode := range modes {
			row = append(row, word(t[scenario.CellID{Mode: mode, Fault: f}]))
		}
		lt.Row(row...)
	}
	return lt.String()
}

func style(render *lipgloss.Renderer, c scenario.Cell) lipgloss.Style {
	s := render.NewStyle().Bold(!c.OK())
	switch tone(c) {
	case "R":
		return s.Foreground(green)
	case "U":
		return s.Foreground(yellow)
	case "X":
		return s.Foreground(magenta)
	case "":
		return s.Faint(c.OK())
	}
	return s.Foreground(red)
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
	_, err := fmt.Fprintf(w, "\n%s\n", strings.Join(legend(), "\n"))
	return err
}
