package web

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"

	"example.com/triplecharge/internal/faults"
)

//go:embed static
var static embed.FS

// Static returns one of the pages' files, which the static site shares.
func Static(name string) ([]byte, error) { return static.ReadFile("static/" + name) }

var pages = Templates(func(c Chapter) string { return "/docs/" + c.Name })

// Templates returns the templates of the pages' parts, which the static site shares. chapter
// returns the address of a chapter.
func Templates(chapter func(Chapter) string) *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{"chapter": chapter}).
		ParseFS(static, "static/*.html"))
}

// Handler serves the site. It is called once.
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		s.choose(w, http.StatusNotFound, "", "", "", "There is no such page.")
	})
	mux.HandleFunc("POST /runs", s.midnight)
	const one = " /runs/{mode}/{fault}/{id}"
	for _, path := range []string{one, one + "/beside/{other}/{otherID}"} {
		mux.HandleFunc("GET"+path, s.watch(s.page))
		mux.HandleFunc("GET"+path+"/steps/{step}", s.watch(s.step))
	}
	mux.HandleFunc("GET"+one+"/picture.svg", s.watch(s.picture))
	mux.HandleFunc("GET"+one+"/events", s.watch(s.follow))
	mux.HandleFunc("POST"+one+"/refund", s.watch(s.refund))
	mux.HandleFunc("GET /docs/{page...}", s.docs)
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

type frame struct {
	Title      string
	Tab        string // the address of its tab
	Matrix     bool   // whether the site has the tab
	Recordings bool   // the same
	Problem    string // why the last request was refused; "" if it was not
	Form       form
	Body       any
}

func (s *Site) frame(tab, title string, f form, body any) frame {
	return frame{
		Title: title, Tab: tab, Matrix: s.Mode == "", Recordings: len(s.Recordings) > 0, Form: f,
		Body: body,
	}
}

// render writes a page, or a part of one. It executes the template before it sends anything, so
// that no page ends in an error.
func (s *Site) render(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, data); err != nil {
		s.Log(err.Error())
		http.Error(w, "This page failed; the terminal says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w)
}

// answerer answers a request for a run, for two beside each other, or for a recording.
type answerer func(http.ResponseWriter, *http.Request, ...watched)

// watch passes the runs of an address to next. If one is not kept, it offers to play them again.
func (s *Site) watch(next answerer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		mode, fault := r.PathValue("mode"), r.PathValue("fault")
		other := r.PathValue("other")
		ones := []watched{s.find(mode, fault, r.PathValue("id"))}
		if other != "" {
			ones = append(ones, s.find(other, fault, r.PathValue("otherID")))
		}
		if slices.Contains(ones, watched((*run)(nil))) {
			s.choose(w, http.StatusNotFound, mode, fault, other, "That run is no longer kept. "+
				"Its mode and fault are selected below: press Midnight to play it again.")
			return
		}
		next(w, r, ones...)
	}
}

func (s *Site) recorded(next answerer) http.HandlerFunc {
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

// group has the recordings that are listed under one heading.
type group struct {
	Name       string
	Recordings []Recording
}

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

// page shows a run or a recording at the step in the query, or else at the last step.
func (s *Site) page(w http.ResponseWriter, r *http.Request, ones ...watched) {
	v, err := viewOf(r.URL.Query().Get("step"), ones...)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	first, other := v.Sides[0], ""
	if len(ones) > 1 {
		other = v.Sides[1].Mode
	}
	s.render(w, http.StatusOK, "run.html",
		s.frame(v.Tab, v.Title, s.form(first.Mode, first.Fault, other), v))
}

// step shows the part of the page that changes from step to step.
func (s *Site) step(w http.ResponseWriter, r *http.Request, ones ...watched) {
	v, err := viewOf(r.PathValue("step"), ones...)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.render(w, http.StatusOK, "parts", v)
}

// picture serves the whole drawing as a file.
func (s *Site) picture(w http.ResponseWriter, _ *http.Request, ones ...watched) {
	v, err := viewOf("", ones...)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	_, _ = fmt.Fprint(w, v.Sides[0].Picture)
}

// refund has the reconciler correct what is wrong, even if the browser leaves.
func (s *Site) refund(w http.ResponseWriter, r *http.Request, ones ...watched) {
	played := ones[0].(*run) // no recording has this address
	if err := played.refund(context.WithoutCancel(r.Context())); errors.Is(err, errForgotten) {
		http.Error(w, "The run is not over yet, or no longer kept.", http.StatusConflict)
		return
	} else if err != nil {
		s.Log(fmt.Sprintf("refund in %s: %v", faults.Under(played.mode, played.fault), err))
		http.Error(w, "Part of it failed; the terminal says why. Try again.",
			http.StatusInternalServerError)
		return
	}
	http.Redirect(w, r, played.address(), http.StatusSeeOther)
}

// stepIn parses the number of a step, up to steps; "" stands for the last step.
func stepIn(text string, steps int) (int, error) {
	if text == "" {
		return steps, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("step %q: want 0 or more", text)
	}
	return min(n, steps), nil
}

// news is sent to a browser that follows a run whenever the run changes.
type news struct {
	Steps      int    `json:"steps"`
	Status     string `json:"status"`
	Detail     string `json:"detail"`
	Over       bool   `json:"over"`       // no more steps will come
	Refundable bool   `json:"refundable"` // there is something to refund or record
}

// follow sends a run's changes to a browser as server-sent events, until the run is no longer kept,
// the browser leaves or the site ends.
func (s *Site) follow(w http.ResponseWriter, r *http.Request, ones ...watched) {
	played := ones[0].(*run) // no recording has this address
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w)
	for {
		m := played.now()
		n := news{Steps: len(m.events), Refundable: m.refundable(), Over: m.ended()}
		n.Status, n.Detail = played.status(m)
		line, err := json.Marshal(n)
		if err == nil {
			_, err = fmt.Fprintf(w, "data: %s\n\n", line)
		}
		if err != nil || flush.Flush() != nil || m.state == gone {
			return
		}
		select {
		case <-m.changed:
		case <-r.Context().Done():
			return
		}
	}
}
