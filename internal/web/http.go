package web

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"example.com/triplecharge/internal/verdicts"
)

//go:embed static
var static embed.FS

// pages are the templates, each with the frame around it.
var pages = template.Must(template.ParseFS(static, "static/*.html"))

// Handler serves the site. It is called once.
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("POST /runs", s.midnight)
	mux.HandleFunc("GET /runs/{mode}/{fault}/{id}", s.watch(s.page))
	mux.HandleFunc("GET /runs/{mode}/{fault}/{id}/steps/{step}", s.watch(s.step))
	mux.HandleFunc("GET /runs/{mode}/{fault}/{id}/picture.svg", s.watch(s.picture))
	mux.HandleFunc("GET /runs/{mode}/{fault}/{id}/events", s.watch(s.follow))
	mux.HandleFunc("POST /runs/{mode}/{fault}/{id}/refund", s.watch(s.refund))
	if s.Mode == "" {
		mux.HandleFunc("GET /matrix", s.matrix)
	}
	mux.HandleFunc("GET /recordings", s.recordings)
	mux.HandleFunc("GET /recordings/{name}", s.recorded(s.page))
	mux.HandleFunc("GET /recordings/{name}/steps/{step}", s.recorded(s.step))
	mux.HandleFunc("GET /recordings/{name}/picture.svg", s.recorded(s.picture))
	mux.Handle("GET /static/", http.FileServerFS(static))
	return guarded(s.Hosts, mux)
}

// frame is what each page has.
type frame struct {
	Title      string
	Tab        string // the address of the one that it is on
	Matrix     bool   // there is one
	Recordings bool   // there are some
	Problem    string // what was not possible
	Form       form
	Body       any
}

// frame returns it around a body.
func (s *Site) frame(tab, title string, f form, body any) frame {
	return frame{
		Title: title, Tab: tab, Matrix: s.Mode == "", Recordings: len(s.Recordings) > 0, Form: f,
		Body: body,
	}
}

// render writes a page, or a part of one. It is made first and then sent, so that an error is not
// in the middle of it.
func (s *Site) render(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, data); err != nil {
		s.Log(err.Error())
		http.Error(w, "The page could not be made; the terminal says why.",
			http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w)
}

// home shows what can be chosen, and the runs there are.
func (s *Site) home(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.choose(w, http.StatusOK, q.Get("mode"), q.Get("fault"), "")
}

// choose shows the form, with a choice made, and what was not possible about it.
func (s *Site) choose(w http.ResponseWriter, status int, mode, fault, problem string) {
	f := s.frame("/", "Midnight", s.form(mode, fault), s.kept())
	f.Problem = problem
	s.render(w, status, "home.html", f)
}

// midnight starts a run of the cell that a form names, either by its mode and its fault or, as the
// matrix does, by both in one.
func (s *Site) midnight(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<10)
	mode, fault := r.PostFormValue("mode"), r.PostFormValue("fault")
	if cell := r.PostFormValue("cell"); cell != "" {
		mode, fault, _ = strings.Cut(cell, "/")
	}
	one, err := s.ask(mode, verdicts.Fault(fault))
	switch {
	case errors.Is(err, errBusy):
		s.choose(w, http.StatusServiceUnavailable, mode, fault, err.Error())
	case err != nil:
		s.choose(w, http.StatusUnprocessableEntity, mode, fault, err.Error())
	default:
		http.Redirect(w, r, one.address(), http.StatusSeeOther)
	}
}

// watch hands the run of an address on. If it is not kept, it offers to play its cell again.
func (s *Site) watch(next func(http.ResponseWriter, *http.Request, watched)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		mode, fault := r.PathValue("mode"), r.PathValue("fault")
		one := s.find(mode, fault, r.PathValue("id"))
		if one == nil {
			s.choose(w, http.StatusNotFound, mode, fault, "That run is not kept here any longer. "+
				"Its mode and its fault are chosen below: press Midnight to play them again.")
			return
		}
		next(w, r, one)
	}
}

// recorded hands the recording of an address on.
func (s *Site) recorded(next func(http.ResponseWriter, *http.Request, watched)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, one := range s.Recordings {
			if one.Name == r.PathValue("name") {
				next(w, r, one)
				return
			}
		}
		http.NotFound(w, r)
	}
}

// page shows a run or a recording at a step: at the last one, unless another is asked for.
func (s *Site) page(w http.ResponseWriter, r *http.Request, one watched) {
	v, err := viewOf(one, r.URL.Query().Get("step"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.render(w, http.StatusOK, "run.html", s.frame(v.Tab, v.Title, s.form(v.Mode, v.Fault), v))
}

// step shows the part of the page that changes from step to step.
func (s *Site) step(w http.ResponseWriter, r *http.Request, one watched) {
	v, err := viewOf(one, r.PathValue("step"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.render(w, http.StatusOK, "parts", v)
}

// picture is the drawing of the whole, to be kept.
func (s *Site) picture(w http.ResponseWriter, _ *http.Request, one watched) {
	v, err := viewOf(one, "")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	_, _ = fmt.Fprint(w, v.Picture)
}

// refund has the reconciler put right what is wrong. It goes on if the browser leaves.
func (s *Site) refund(w http.ResponseWriter, r *http.Request, one watched) {
	played, ok := one.(*run)
	if !ok {
		http.NotFound(w, r)
		return
	}
	if err := played.refund(context.WithoutCancel(r.Context())); errors.Is(err, errForgotten) {
		http.Error(w, "The run is not over yet, or not kept any longer.", http.StatusConflict)
		return
	} else if err != nil {
		s.Log(fmt.Sprintf("refund in %s under %s: %v", played.mode, played.fault, err))
		http.Error(w, "Not all could be put right; the terminal says why. Try again.",
			http.StatusInternalServerError)
		return
	}
	http.Redirect(w, r, played.address(), http.StatusSeeOther)
}

// stepIn reads a step's number of so many; "" is the last.
func stepIn(text string, steps int) (int, error) {
	if text == "" {
		return steps, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("the step %q: want a number from 0 on", text)
	}
	return min(n, steps), nil
}
