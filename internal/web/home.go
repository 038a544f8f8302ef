package web

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/faults"
)

func (s *Site) home(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.choose(w, http.StatusOK, q.Get("mode"), q.Get("fault"), q.Get("beside"), "")
}

// choose shows the home page with these selected, and a problem, if there is one.
func (s *Site) choose(w http.ResponseWriter, status int, mode, fault, other, problem string) {
	f := s.frame("/", "Midnight", s.form(mode, fault, other), s.earlierRuns())
	f.Problem = problem
	s.render(w, status, "home.html", f)
}

// midnight starts a run of the cell that a form names: by its mode and fault, or by both in one
// field, as in the matrix. If the form names a mode beside it, that runs, too.
func (s *Site) midnight(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<10)
	mode, fault := r.PostFormValue("mode"), r.PostFormValue("fault")
	if cell := r.PostFormValue("cell"); cell != "" {
		mode, fault, _ = strings.Cut(cell, "/")
	}
	modes, other := []string{mode}, r.PostFormValue("beside")
	if other != "" {
		modes = append(modes, other)
	}
	asked, err := s.ask(faults.Fault(fault), modes...)
	switch {
	case errors.Is(err, errBusy):
		s.choose(w, http.StatusServiceUnavailable, mode, fault, other, err.Error())
	case err != nil:
		s.choose(w, http.StatusUnprocessableEntity, mode, fault, other, err.Error())
	default:
		address := asked[0].address()
		if other != "" {
			address = beside(address, other, asked[1].address())
		}
		http.Redirect(w, r, address, http.StatusSeeOther)
	}
}

// choice is a mode or a fault in the form.
type choice struct {
	Name, About string
	Chosen      bool
	Not         string // of a fault: the modes that it doesn't apply to
}

// form has the choices before midnight. The first of Besides is no mode.
type form struct{ Modes, Faults, Besides []choice }

// form returns the form with these selected. It ignores unknown names.
func (s *Site) form(mode, fault, other string) form {
	f := form{Besides: []choice{{About: "Another mode under the same fault, to compare."}}}
	for _, m := range billing.Modes() {
		if s.Mode != "" && m.Name != s.Mode {
			continue
		}
		c := choice{Name: m.Name, About: m.Promise}
		f.Modes, f.Besides = append(f.Modes, c), append(f.Besides, c)
		f.Modes[len(f.Modes)-1].Chosen = m.Name == mode
		f.Besides[len(f.Besides)-1].Chosen = m.Name == other
	}
	for _, row := range faults.Rows() {
		if s.Mode != "" && row.Fault != faults.None {
			continue
		}
		var not []string
		for _, m := range billing.Modes() {
			if !row.Expect(m, len(s.Servers)).Applies {
				not = append(not, m.Name)
			}
		}
		f.Faults = append(f.Faults, choice{
			string(row.Fault), row.Text, string(row.Fault) == fault, strings.Join(not, " "),
		})
	}
	return f
}

// Mode, Fault and Beside return the selected choices, or the first of each if none is selected.
func (f form) Mode() choice   { return chosen(f.Modes) }
func (f form) Fault() choice  { return chosen(f.Faults) }
func (f form) Beside() choice { return chosen(f.Besides) }

func chosen(choices []choice) choice {
	return choices[max(0, slices.IndexFunc(choices, func(c choice) bool { return c.Chosen }))]
}

type listedRun struct{ Address, Title, Status string }

func (s *Site) earlierRuns() []listedRun {
	var runs []listedRun
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range slices.Backward(s.runs) {
		status, detail := r.status(r.now())
		runs = append(runs, listedRun{
			r.address(), faults.Under(r.mode, r.fault), status + " " + detail,
		})
	}
	return runs
}
