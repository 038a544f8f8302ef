package web

import (
	"net/http"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/verdict"
)

// matrixRow has a fault's cells, one for each mode.
type matrixRow struct {
	Fault, About string
	Cells        []matrixCell
}

// matrixCell shows what is expected of a mode under a fault.
type matrixCell struct {
	Mode, Fault, Short, Words, Why string
	Right, Applies                 bool
}

// matrix shows what is expected of every mode under every fault.
func (s *Site) matrix(w http.ResponseWriter, _ *http.Request) {
	var rows []matrixRow
	for _, f := range faults.Rows() {
		row := matrixRow{Fault: string(f.Fault), About: f.Text}
		for _, m := range billing.Modes() {
			e := f.Expect(m, len(s.Servers))
			cell := matrixCell{
				Mode: m.Name, Fault: row.Fault, Short: faults.Short(e.After, e.Recovered),
				Words: verdict.Judge(e.After).String(), Why: e.Why,
				Right: e.Recovered.Right(), Applies: e.Applies,
			}
			if e.Applies && !e.Known {
				cell.Short, cell.Words, cell.Why = "?", "no expectation", "play it to see"
			}
			row.Cells = append(row.Cells, cell)
		}
		rows = append(rows, row)
	}
	s.render(w, http.StatusOK, "matrix.html", s.frame("/matrix",
		"Every mode against every fault", s.form("", ""), rows))
}
