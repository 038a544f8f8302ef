package stripesim

import (
	"cmp"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"example.com/triplecharge/internal/stripesim/control"
)

// pollTime is how long a long poll waits for a change: less than the time-outs of proxies and
// clients.
const pollTime = 20 * time.Second

// Admin serves the control API, for a separate address; package control is its client. If the token
// is not empty, every request must carry it as a bearer token.
func (s *Simulator) Admin(token string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.adminIndex)
	mux.HandleFunc("POST /rules", s.adminAddRule)
	mux.HandleFunc("GET /rules/{id}", s.adminWatchRule)
	mux.HandleFunc("POST /rules/{id}/open", s.adminOpenRule)
	mux.HandleFunc("DELETE /rules/{id}", s.adminRemoveRule)
	mux.HandleFunc("GET /clock", s.adminReadClock)
	mux.HandleFunc("POST /clock", s.adminSetClock)
	mux.HandleFunc("POST /settings", s.adminSettings)
	mux.HandleFunc("POST /reset", s.adminReset)
	mux.HandleFunc("GET /charges", s.adminCharges)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent := r.Header.Get("Authorization")
		if token != "" && subtle.ConstantTimeCompare([]byte(sent), []byte("Bearer "+token)) != 1 {
			problem(w, http.StatusUnauthorized, "the admin token is missing or wrong")
			return
		}
		// No web page may read or drive a simulator on its reader's machine: neither one whose name
		// resolves to it, which knows no token, nor one of another origin. A browser does not send
		// this type to another site without asking that site first.
		host := (&url.URL{Host: r.Host}).Hostname()
		if token == "" && !Loopback(strings.ToLower(host)) || r.Header.Get("Origin") != "" {
			problem(w, http.StatusForbidden, "no web page may ask, and without a token only by "+
				"a loopback address, such as 127.0.0.1")
			return
		}
		media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if r.Method == http.MethodPost && media != "application/json" {
			problem(w, http.StatusUnsupportedMediaType, "send Content-Type: application/json")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// Loopback reports whether a host, without a port, is an address or a name of this machine that no
// other machine can reach it by.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (s *Simulator) adminIndex(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprint(w, `The control API of a Stripe simulator (see internal/stripesim/README.md):
POST   /rules            {"kind":"hold|lose|fail|repeat","rule":{...},"status":500,"when":"after"}
GET    /rules/{id}       calls waiting at a gate; ?since=REVISION waits for a change
POST   /rules/{id}/open  {"calls":["call_1"]}
DELETE /rules/{id}
GET    /clock
POST   /clock            {"now":"2026-12-01T00:00:00Z"} or {"advance":86400000000000}
POST   /settings         {"latency":250000000,"jitter":0,"rate_limit":25,"search_lag":0}
POST   /reset            {}
GET    /charges          charges so far, one JSON line each; ?follow=true keeps following
`)
}

// problem answers with an error.
func problem(w http.ResponseWriter, status int, message string) {
	answer(w, status, control.Problem{Error: message})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

// decode reads a request, or answers with what is wrong with it.
func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		problem(w, http.StatusBadRequest, "not a valid request body: "+err.Error())
		return false
	}
	return true
}

func (s *Simulator) adminAddRule(w http.ResponseWriter, r *http.Request) {
	var n control.NewRule
	if !decode(w, r, &n) {
		return
	}
	id, err := s.rules.add(n)
	if err != nil {
		problem(w, http.StatusBadRequest, `a rule is a "hold" with a point of arriving, `+
			`executing, committed or delivering, a "lose" with none or delivering, a "repeat" `+
			`with delivering, or a "fail" with a status from 400 to 599 and a when of before `+
			`or after`)
		return
	}
	answer(w, http.StatusCreated, control.RuleAdded{ID: id})
}

func (s *Simulator) adminWatchRule(w http.ResponseWriter, r *http.Request) {
	since := int64(-1)
	if text := r.URL.Query().Get("since"); text != "" {
		var err error
		if since, err = strconv.ParseInt(text, 10, 64); err != nil {
			problem(w, http.StatusBadRequest, "since must be a revision")
			return
		}
	}
	timer := time.NewTimer(pollTime)
	defer timer.Stop()
	for news := true; news; {
		waiting, changed, ok := s.rules.watch(r.PathValue("id"))
		switch {
		case !ok:
			problem(w, http.StatusNotFound, "there is no such rule")
			return
		case waiting.Revision != since:
			answer(w, http.StatusOK, waiting)
			return
		}
		select {
		case <-changed:
		case <-timer.C:
			news = false
			answer(w, http.StatusOK, waiting)
		case <-r.Context().Done():
			return
		case <-s.closing:
			problem(w, http.StatusServiceUnavailable, "the simulator is closing")
			return
		}
	}
}

func (s *Simulator) adminOpenRule(w http.ResponseWriter, r *http.Request) {
	var o control.Open
	if !decode(w, r, &o) {
		return
	}
	if !s.rules.open(r.PathValue("id"), o.Calls) {
		problem(w, http.StatusNotFound, "there is no such rule")
		return
	}
	answer(w, http.StatusOK, struct{}{})
}

func (s *Simulator) adminRemoveRule(w http.ResponseWriter, r *http.Request) {
	s.rules.remove(r.PathValue("id"))
	answer(w, http.StatusOK, struct{}{})
}

func (s *Simulator) adminReadClock(w http.ResponseWriter, _ *http.Request) {
	now := s.clock.now()
	answer(w, http.StatusOK, control.Clock{Now: &now})
}

func (s *Simulator) adminSetClock(w http.ResponseWriter, r *http.Request) {
	var set control.Clock
	if !decode(w, r, &set) {
		return
	}
	back := set.Now != nil && set.Now.Before(s.clock.now()) ||
		set.Advance != nil && *set.Advance < 0
	switch {
	case (set.Now == nil) == (set.Advance == nil):
		problem(w, http.StatusBadRequest, "give either now or advance")
		return
	case back && !accountOf(s).empty():
		problem(w, http.StatusConflict, "there are objects, so the clock only goes forward: "+
			"POST /reset first")
		return
	case set.Now != nil:
		s.clock.set(*set.Now)
	default:
		s.clock.advance(*set.Advance)
	}
	accountOf(s).settle()
	s.adminReadClock(w, r)
}

func (s *Simulator) adminSettings(w http.ResponseWriter, r *http.Request) {
	var set control.Settings
	if !decode(w, r, &set) {
		return
	}
	next := *s.latency.Load()
	if set.Latency != nil {
		next.fixed = *set.Latency
	}
	if set.Jitter != nil {
		next.jitter = *set.Jitter
	}
	if next.fixed < 0 || next.jitter < 0 || set.SearchLag != nil && *set.SearchLag < 0 {
		problem(w, http.StatusBadRequest, "a duration cannot be negative")
		return
	}
	s.latency.Store(&next)
	if set.RateLimit != nil || set.EndpointLimit != nil {
		now := s.limits.Load()
		inAll, each := &now.perSecond, &now.perEndpoint
		s.setLimits(*cmp.Or(set.RateLimit, inAll), *cmp.Or(set.EndpointLimit, each))
	}
	if set.SearchLag != nil {
		a := accountOf(s)
		a.index.setLag(a, *set.SearchLag)
	}
	answer(w, http.StatusOK, struct{}{})
}

func (s *Simulator) adminReset(w http.ResponseWriter, _ *http.Request) {
	s.reset()
	answer(w, http.StatusOK, struct{}{})
}

// adminCharges writes the feed, one line for each charge.
func (s *Simulator) adminCharges(w http.ResponseWriter, r *http.Request) {
	a := accountOf(s)
	w.Header().Set("Content-Type", "application/jsonl")
	lines := json.NewEncoder(w)
	for sent := 0; ; {
		entries, news := a.feed.after(sent)
		for _, entry := range entries {
			sent++
			if err := lines.Encode(a.describeCharge(sent, entry)); err != nil {
				return // the reader is gone
			}
		}
		if r.URL.Query().Get("follow") != "true" {
			return
		}
		http.NewResponseController(w).Flush()
		select {
		case <-news:
		case <-a.ctx.Done():
			return
		case <-s.closing:
			return
		case <-r.Context().Done():
			return
		}
	}
}

func (a *account) describeCharge(sequence int, entry feedEntry) control.Charge {
	o := a.charges.get(entry.charge)
	d := control.Charge{
		Sequence: sequence, ID: a.ids.id(kindCharge, o.ref),
		PaymentIntent: a.ids.id(kindIntent, o.intent),
		Customer:      a.ids.id(kindCustomer, o.customer),
		AmountMinor:   o.taken, Currency: o.currency,
		Created:  time.Unix(o.created, 0).UTC(),
		Began:    time.Unix(0, entry.origin.began).UTC(),
		Executed: time.Unix(0, entry.origin.executed).UTC(),
		Server:   entry.origin.server, IdempotencyKey: entry.origin.key,
		Subscription: o.metadata.get("subscription"), Period: o.metadata.get("period"),
		Metadata: make(map[string]string),
	}
	for _, p := range o.metadata {
		d.Metadata[p.key] = p.value
	}
	return d
}
