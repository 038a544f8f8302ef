package worker

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"example.com/triplecharge/ledger"
)

// api is the HTTP API that a server serves on --listen.
type api struct {
	ctx   context.Context // the server's: a run outlives the request that triggered it
	runs  *runs
	token string
	at    *time.Time // the due time if a trigger names none; nil: now
	force bool       // accept any due time

	away    func(context.Context) []string // which dependencies don't answer
	webhook webhook
}

func (a api) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("GET /readyz", a.ready)
	metrics.ExposeMetadata(true) // the types, at least
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		a.runs.events.metrics.WritePrometheus(w)
	})
	mux.HandleFunc("POST /runs", a.authenticated(a.trigger))
	mux.HandleFunc("GET /runs/{id}", a.authenticated(a.show))
	if a.webhook.secret != "" {
		mux.Handle("POST /stripe/events", a.webhook)
	}
	mux.HandleFunc("GET /events", a.authenticated(a.runs.events.feed.serve(a.ctx)))
	return mux
}

// readyLimit bounds how long the dependencies may take to answer. Those who ask wait for a second
// or more: https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/.
const readyLimit = time.Second

// awayOf returns a function that asks which of the two don't answer.
func awayOf(locker *ownedLocker, store *ledger.Store) func(context.Context) []string {
	return func(ctx context.Context) (away []string) {
		if locker.away(ctx) {
			away = append(away, redisServer)
		}
		if store.Ping(ctx) != nil {
			away = append(away, postgresServer)
		}
		return away
	}
}

// ready answers GET /readyz: can a due run begin now?
func (a api) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyLimit)
	defer cancel()
	if away := a.away(ctx); len(away) > 0 {
		http.Error(w, strings.Join(away, " and ")+" away", http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}

func (a api) authenticated(next http.HandlerFunc) http.HandlerFunc {
	want := []byte("Bearer " + a.token)
	return func(w http.ResponseWriter, r *http.Request) {
		got := []byte(r.Header.Get("Authorization"))
		if a.token == "" || subtle.ConstantTimeCompare(got, want) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			refuse(w, http.StatusUnauthorized,
				"send the header Authorization: Bearer <this server's WORKER_TOKEN>")
			return
		}
		next(w, r)
	}
}

// trigger answers POST /runs: it starts a due run, with {"at": TIME} for its due time, and with
// {"force": true} even if that is far from today. It refuses any other body: a typo must not bill
// another month.
func (a api) trigger(w http.ResponseWriter, r *http.Request) {
	var body struct {
		At    *string `json:"at"`
		Force bool    `json:"force"`
	}
	content := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10))
	content.DisallowUnknownFields()
	err := content.Decode(&body)
	if err == nil {
		_, err = content.Token() // nothing may follow it
	}
	if !errors.Is(err, io.EOF) {
		refuse(w, http.StatusBadRequest, `want no body, or {"at":"2026-12-01T00:00:00Z"}`)
		return
	}
	at := a.at
	if body.At != nil {
		at, err = parseAt(*body.At, a.runs.zone, time.Now(), a.force || body.Force)
		if err != nil {
			refuse(w, http.StatusBadRequest, "at: "+err.Error())
			return
		}
	}
	one, err := a.runs.start(a.ctx, orNow(at))
	switch {
	case errors.Is(err, errBusy):
		refuse(w, http.StatusConflict, err.Error()+": wait for it")
		return
	case err != nil:
		refuse(w, http.StatusServiceUnavailable, err.Error()+": ask another one")
		return
	}
	w.Header().Set("Location", "/runs/"+strconv.Itoa(one.id))
	answer(w, http.StatusAccepted, view(one))
}

// show answers GET /runs/{id}; with ?wait=true, after the run has finished.
func (a api) show(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.Atoi(r.PathValue("id"))
	one := a.runs.find(id)
	if err != nil || one == nil {
		refuse(w, http.StatusNotFound, "no such run: POST /runs answers with a run's number")
		return
	}
	if r.URL.Query().Get("wait") == "true" {
		select {
		case <-one.done:
		case <-r.Context().Done():
			return
		}
	}
	answer(w, http.StatusOK, view(one))
}

// RunView is a due run as the API shows it.
type RunView struct {
	ID            int    `json:"id"`
	Period        string `json:"period"`
	Finished      bool   `json:"finished"`
	Billed        int    `json:"billed"`
	AlreadyBilled int    `json:"already_billed"`
	Skipped       int    `json:"skipped"`
	Declined      int    `json:"declined"`
	Failed        int    `json:"failed"`
	Error         string `json:"error,omitempty"`
}

func view(one *run) RunView {
	v := RunView{ID: one.id, Period: one.period.String()}
	select {
	case <-one.done:
	default:
		return v
	}
	s := one.summary
	v.Finished, v.Billed, v.AlreadyBilled = true, s.Billed, s.AlreadyBilled
	v.Skipped, v.Declined, v.Failed = s.Skipped, s.Declined, s.Failed
	if one.err != nil {
		v.Error = one.err.Error()
	}
	return v
}

func refuse(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]string{"error": message})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
