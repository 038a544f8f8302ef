package web

import (
	"net/http"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/verdicts"
)

// matrixRow is one fault, met by every mode.
type matrixRow struct {
	Fault, About string
	Cells        []matrixCell
}

// matrixCell is what is expected of a mode under a fault.
type matrixCell struct {
	Mode, Fault, Short, Words, Why string
	Right, Applies                 bool
}

// matrix shows what is expected of every mode under every fault.
func (s *Site) matrix(w http.ResponseWriter, _ *http.Request) {
	var rows []matrixRow
	for _, f := range verdicts.Faults() {
		row := matrixRow{Fault: string(f), About: verdicts.About(f)}
		for _, m := range billing.Modes() {
			v, _ := verdicts.Expected(m.Name, f, len(s.Servers))
			row.Cells = append(row.Cells, matrixCell{
				Mode: m.Name, Fault: string(f), Short: v.Short(),
				Words: verdicts.Judge(v.After), Why: v.Why,
				Right: verdicts.Judge(v.Recovered) == verdicts.Right, Applies: v.Applies,
			})
		}
		rows = append(rows, row)
	}
	s.render(w, http.StatusOK, "matrix.html", s.frame("/matrix",
		"Every mode against every fault", s.form("", ""), rows))
}

// group is recordings that are listed together.
type group struct {
	Name       string
	Recordings []Recording
}

// recordings lists what else can be watched.
func (s *Site) recordings(w http.ResponseWriter, _ *http.Request) {
	var groups []group
	for _, r := range s.Recordings {
		if n := len(groups); n == 0 || groups[n-1].Name != r.Group {
			groups = append(groups, group{Name: r.Group})
		}
		last := &groups[len(groups)-1]
		last.Recordings = append(last.Recordings, r)
	}
	s.render(w, http.StatusOK, "recordings.html",
		s.frame("/recordings", "Counterexamples", form{}, groups))
}
