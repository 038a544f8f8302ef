package web

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/faults"
)

// home shows the form and the earlier runs.
func (s *Site) home(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.choose(w, http.StatusOK, q.Get("mode"), q.Get("fault"), "")
}

// choose shows the home page with a mode and a fault selected, and a problem, if there is one.
func (s *Site) choose(w http.ResponseWriter, status int, mode, fault, problem string) {
	f := s.frame("/", "Midnight", s.form(mode, fault), s.earlierRuns())
	f.Problem = problem
	s.render(w, status, "home.html", f)
}

// midnight starts a run of the cell that a form names: by its mode and fault, or by both in one
// field, as in the matrix.
func (s *Site) midnight(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<10)
	mode, fault := r.PostFormValue("mode"), r.PostFormValue("fault")
	if cell := r.PostFormValue("cell"); cell != "" {
		mode, fault, _ = strings.Cut(cell, "/")
	}
	one, err := s.ask(mode, faults.Fault(fault))
	switch {
	case errors.Is(err, errBusy):
		s.choose(w, http.StatusServiceUnavailable, mode, fault, err.Error())
	case err != nil:
		s.choose(w, http.StatusUnprocessableEntity, mode, fault, err.Error())
	default:
		http.Redirect(w, r, one.address(), http.StatusSeeOther)
	}
}

// choice is a mode or a fault in the form.
type choice struct {
	Name, About string
	Chosen      bool
	Not         string // of a fault: the modes that it doesn't apply to
}

// form has the choices before midnight.
type form struct{ Modes, Faults []choice }

// form returns the form with this mode and fault selected. It ignores unknown names.
func (s *Site) form(mode, fault string) form {
	var f form
	for _, m := range billing.Modes() {
		if s.Mode != "" && m.Name != s.Mode {
			continue
		}
		f.Modes = append(f.Modes, choice{Name: m.Name, About: m.Promise, Chosen: m.Name == mode})
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

// Mode and Fault return the selected choices, or the first of each if none is selected.
func (f form) Mode() choice  { return chosen(f.Modes) }
func (f form) Fault() choice { return chosen(f.Faults) }

func chosen(choices []choice) choice {
	return choices[max(0, slices.IndexFunc(choices, func(c choice) bool { return c.Chosen }))]
}

// listedRun is a run in the list of earlier runs.
type listedRun struct{ Address, Title, Status string }

// earlierRuns lists the runs, the latest first.
func (s *Site) earlierRuns() []listedRun {
	var runs []listedRun
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range slices.Backward(s.runs) {
		runs = append(runs, listedRun{
			r.address(), faults.Under(r.mode, r.fault), r.status(r.now()),
		})
	}
	return runs
}
