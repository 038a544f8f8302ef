// Package report prints tables: of invoices, and of every mode against every fault as text,
// Markdown, HTML or JSON.
package report

import (
	"io"
	"strings"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"

	"example.com/triplecharge/internal/verdict"
)

// Table is a table without lines between its cells. Each cell starts with Indent spaces.
type Table struct {
	Headers []string
	Rows    [][]string
	Indent  int
	Style   func(row, col int) lipgloss.Style // of a cell; nil: plain
}

// Print writes the table, with colours if w is a terminal that supports them.
func (t Table) Print(w io.Writer) {
	for line := range strings.Lines(t.String()) {
		_, _ = lipgloss.Fprintln(w, strings.TrimRight(line, " \n"))
	}
}

// String returns the table with all colours, in lines of equal width.
func (t Table) String() string {
	return table.New().Headers(t.Headers...).Rows(t.Rows...).
		Border(lipgloss.HiddenBorder()).BorderTop(false).BorderBottom(false).BorderLeft(false).
		BorderRight(false).BorderHeader(false).
		StyleFunc(func(row, col int) lipgloss.Style {
			style := lipgloss.NewStyle()
			switch {
			case row == table.HeaderRow:
				style = style.Faint(true)
			case t.Style != nil:
				style = t.Style(row, col)
			}
			return style.PaddingLeft(t.Indent)
		}).String()
}

// Colour returns the style of a verdict: that of its first word, which is the worst.
func Colour(verdicts verdict.Words) lipgloss.Style {
	colour := lipgloss.Red
	if len(verdicts) > 0 {
		switch verdicts[0] {
		case verdict.Right:
			colour = lipgloss.Green
		case verdict.Unbilled, verdict.NotLookedFor, verdict.Pending:
			colour = lipgloss.Yellow
		case verdict.Unrecorded:
			colour = lipgloss.Magenta
		}
	}
	return lipgloss.NewStyle().Foreground(colour)
}
