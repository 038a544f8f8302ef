// Package report prints tables: of invoices, and of every mode against every fault as text,
// Markdown, HTML or JSON.
package report

import (
	"io"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"

	"example.com/triplecharge/internal/screen"
	"example.com/triplecharge/internal/verdict"
)

// Table is a table without lines between its cells. Each cell starts with Indent spaces.
type Table struct {
	Headers []string
	Rows    [][]string
	Indent  int
	Style   func(row, col int) lipgloss.Style // of a cell; nil: plain
}

// Print writes the table, with colours if w is a terminal that supports them. Where its lines would
// be too long, the widest cells have several.
func (t Table) Print(w io.Writer) {
	for line := range strings.Lines(t.fit(screen.Columns(w)).draw()) {
		_, _ = lipgloss.Fprintln(w, strings.TrimRight(line, " \n"))
	}
}

// fit breaks the cells of the widest columns between words until the table has that many columns
// of text, or no more words to break between; 0: any number.
func (t Table) fit(columns int) Table {
	whole := slices.Concat([][]string{t.Headers}, t.Rows)
	limits := map[int]int{} // of a cell's lines, by column
	for columns > 0 && lipgloss.Width(t.draw()) > columns {
		widest, in := 0, 0
		for i, row := range slices.Concat([][]string{t.Headers}, t.Rows) {
			for col, cell := range row {
				width := lipgloss.Width(cell)
				if width > widest && lipgloss.Width(screen.Wrap(whole[i][col], width-1)) < width {
					widest, in = width, col
				}
			}
		}
		if widest == 0 {
			break
		}
		limits[in] = widest - 1
		fitted := make([][]string, len(whole))
		for i, row := range whole {
			for col, cell := range row {
				fitted[i] = append(fitted[i], screen.Wrap(cell, limits[col]))
			}
		}
		t.Headers, t.Rows = fitted[0], fitted[1:]
	}
	return t
}

// draw returns the table with all colours, in lines of equal width. lipgloss cuts off what has no
// room in the one line of its own headers, so they are a row here.
func (t Table) draw() string {
	rows, headers := t.Rows, 0
	if len(t.Headers) > 0 {
		rows, headers = slices.Concat([][]string{t.Headers}, rows), 1
	}
	return table.New().Rows(rows...).
		Border(lipgloss.HiddenBorder()).BorderTop(false).BorderBottom(false).BorderLeft(false).
		BorderRight(false).
		StyleFunc(func(row, col int) lipgloss.Style {
			style := lipgloss.NewStyle()
			switch {
			case row < headers:
				style = style.Faint(true)
			case t.Style != nil:
				style = t.Style(row-headers, col)
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
