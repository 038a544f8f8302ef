package web

import (
	"net/http"
	"strings"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/verdict"
)

// Matrix is every mode against every fault, on the live page and on the static site.
type Matrix struct {
	Modes []string
	Kinds []string // of faults
	Rows  []MatrixRow
}

// MatrixRow has a fault's cells, in the order of the modes.
type MatrixRow struct {
	faults.Row
	Cells []MatrixCell
}

// MatrixCell is a mode under a fault: what came of it or what is expected, and why.
type MatrixCell struct {
	Mode, Fault, Title string
	Short              string // such as "OX 2/1"
	Words              string // of both verdicts, for filters
	Said               []string
	Link               string // to its run; "" if there is none
	Play               bool   // the page can play it
	Right              bool
	Chapters           []Chapter
}

// NewMatrix returns the matrix of the cells, row by row. It drops rows without cells.
func NewMatrix(cells []MatrixCell) (m Matrix) {
	for _, row := range faults.Rows() {
		line := MatrixRow{Row: row}
		for _, c := range cells {
			if c.Fault == string(row.Fault) {
				line.Cells = append(line.Cells, c)
			}
		}
		if len(line.Cells) == 0 {
			continue
		}
		if n := len(m.Kinds); n == 0 || m.Kinds[n-1] != row.Kind {
			m.Kinds = append(m.Kinds, row.Kind)
		}
		m.Rows = append(m.Rows, line)
	}
	if len(m.Rows) > 0 {
		for _, c := range m.Rows[0].Cells {
			m.Modes = append(m.Modes, c.Mode)
		}
	}
	return m
}

// NewCell returns a cell with these counts after the fault and after a recovery run.
func NewCell(
	mode string, f faults.Fault, e faults.Expectation, after, recovered verdict.Counts,
) MatrixCell {
	c := MatrixCell{
		Mode: mode, Fault: string(f), Title: faults.Under(mode, f),
		Short: faults.NotApplicable, Chapters: ChaptersOf(mode, f),
	}
	if !e.Applies {
		c.Said = []string{"Not applicable: " + e.Why + "."}
		return c
	}
	first, then := verdict.Judge(after).String(), verdict.Judge(recovered).String()
	c.Short, c.Right = faults.Short(after, recovered), recovered.Right()
	c.Words = strings.ReplaceAll(first+" "+then, ",", "")
	c.Said = []string{after.String() + ": " + first + "."}
	if e.Known {
		c.Said = append(c.Said, faults.Sentence(e.Why))
	}
	if after != recovered {
		c.Said = append(c.Said, "After a recovery run: "+recovered.String()+": "+then+".")
	}
	return c
}

// matrix shows what is expected of every mode under every fault.
func (s *Site) matrix(w http.ResponseWriter, _ *http.Request) {
	var cells []MatrixCell
	for _, f := range faults.Rows() {
		for _, m := range billing.Modes() {
			e := f.Expect(m, len(s.Servers))
			c := NewCell(m.Name, f.Fault, e, e.After, e.Recovered)
			if c.Play = e.Applies; e.Applies && !e.Known {
				c.Short, c.Words = "?", ""
				c.Said = []string{faults.NoExpectation(m.Name)}
			}
			cells = append(cells, c)
		}
	}
	s.render(w, http.StatusOK, "matrix.html", s.frame("/matrix",
		"Every mode against every fault", form{}, NewMatrix(cells)))
}
