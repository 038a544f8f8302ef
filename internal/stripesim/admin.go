package stripesim

import (
	"cmp"
	"crypto/subtle"
	_ "embed"
	"encoding/json"
	"io"
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

//go:embed admin.txt
var adminIndex string

// Admin serves the control API, for a separate address; package control is its client. If the token
// is not empty, every request must carry it as a bearer token.
func (s *Simulator) Admin(token string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, adminIndex)
	})
	mux.HandleFunc("GET /charges", s.adminCharges)
	mux.Handle("POST /rules", tell(s.addRule))
	mux.Handle("GET /rules/{id}", ask(s.watchRule))
	mux.Handle("POST /rules/{id}/open", tell(s.openRule))
	mux.Handle("DELETE /rules/{id}", ask(s.removeRule))
	mux.Handle("GET /clock", ask(s.readClock))
	mux.Handle("POST /clock", tell(s.setClock))
	mux.Handle("POST /settings", tell(s.set))
	mux.Handle("POST /reset", ask(s.adminReset))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if e := admits(r, token); e != nil {
			e.write(w)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// admits returns why a request may not control the simulator, nil if it may. No web page may read
// or drive a simulator on its reader's machine: neither one whose name resolves to it, which knows
// no token, nor one of another origin. A browser does not send this type to another site without
// asking that site first.
func admits(r *http.Request, token string) *adminError {
	sent := r.Header.Get("Authorization")
	host := (&url.URL{Host: r.Host}).Hostname()
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case token != "" && subtle.ConstantTimeCompare([]byte(sent), []byte("Bearer "+token)) != 1:
		return &adminError{http.StatusUnauthorized, "the admin token is missing or wrong"}
	case token == "" && !Loopback(strings.ToLower(host)), r.Header.Get("Origin") != "":
		return &adminError{http.StatusForbidden, "no web page may ask, and without a token only " +
			"by a loopback address, such as 127.0.0.1"}
	case r.Method == http.MethodPost && media != "application/json":
		return &adminError{http.StatusUnsupportedMediaType, "send Content-Type: application/json"}
	}
	return nil
}

// Loopback reports whether a host, without a port, is an address or a name of this machine that no
// other machine can reach it by.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// adminError is answered with its status.
type adminError struct {
	status  int
	message string
}

func (e *adminError) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.status)
	json.NewEncoder(w).Encode(control.Problem{Error: e.message})
}

// errNoRule is for the id of a rule that is not, or no longer, in effect.
var errNoRule = &adminError{http.StatusNotFound, "there is no such rule"}

func errBadRequest(message string) *adminError {
	return &adminError{http.StatusBadRequest, message}
}

// ask is an endpoint that answers with what get returns.
func ask(get func(*http.Request) (any, *adminError)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, err := get(r)
		if err != nil {
			err.write(w)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if _, made := answer.(control.RuleAdded); made {
			w.WriteHeader(http.StatusCreated)
		}
		json.NewEncoder(w).Encode(answer)
	})
}

// tell is an endpoint that passes its body to do, and answers with what that returns.
func tell[In any](do func(*http.Request, In) (any, *adminError)) http.Handler {
	return ask(func(r *http.Request) (any, *adminError) {
		var in In
		d := json.NewDecoder(io.LimitReader(r.Body, maxBody))
		d.DisallowUnknownFields()
		if err := d.Decode(&in); err != nil {
			return nil, errBadRequest("not a valid request body: " + err.Error())
		}
		return do(r, in)
	})
}

func (s *Simulator) addRule(_ *http.Request, n control.NewRule) (any, *adminError) {
	id, err := s.rules.add(n)
	return control.RuleAdded{ID: id}, err
}

func (s *Simulator) watchRule(r *http.Request) (any, *adminError) {
	since := int64(-1)
	if text := r.URL.Query().Get("since"); text != "" {
		var err error
		if since, err = strconv.ParseInt(text, 10, 64); err != nil {
			return nil, errBadRequest("since must be a revision")
		}
	}
	timer := time.NewTimer(pollTime)
	defer timer.Stop()
	for {
		waiting, changed, ok := s.rules.watch(r.PathValue("id"))
		switch {
		case !ok:
			return nil, errNoRule
		case waiting.Revision != since:
			return waiting, nil
		}
		select {
		case <-changed:
		case <-timer.C:
			return waiting, nil
		case <-r.Context().Done():
			return nil, nil // the client is gone
		case <-s.closing:
			return nil, &adminError{http.StatusServiceUnavailable, "the simulator is closing"}
		}
	}
}

func (s *Simulator) openRule(r *http.Request, o control.Open) (any, *adminError) {
	if !s.rules.open(r.PathValue("id"), o.Calls) {
		return nil, errNoRule
	}
	return struct{}{}, nil
}

func (s *Simulator) removeRule(r *http.Request) (any, *adminError) {
	s.rules.end(false, func(ended *rule) bool { return ended.id == r.PathValue("id") })
	return struct{}{}, nil
}

func (s *Simulator) readClock(*http.Request) (any, *adminError) {
	now := s.clock.now()
	return control.Clock{Now: &now}, nil
}

func (s *Simulator) setClock(r *http.Request, set control.Clock) (any, *adminError) {
	back := set.Now != nil && set.Now.Before(s.clock.now()) ||
		set.Advance != nil && *set.Advance < 0
	switch {
	case (set.Now == nil) == (set.Advance == nil):
		return nil, errBadRequest("give either now or advance")
	case back && !accountOf(s).empty():
		return nil, &adminError{http.StatusConflict, "there are objects, so the clock only goes " +
			"forward: POST /reset first"}
	case set.Now != nil:
		s.clock.set(*set.Now)
	default:
		s.clock.offset.Add(int64(*set.Advance))
	}
	accountOf(s).settle()
	return s.readClock(r)
}

func (s *Simulator) set(_ *http.Request, set control.Settings) (any, *adminError) {
	next := *s.inForce.Load()
	next.Latency = *cmp.Or(set.Latency, &next.Latency)
	next.Jitter = *cmp.Or(set.Jitter, &next.Jitter)
	next.SearchLag = *cmp.Or(set.SearchLag, &next.SearchLag)
	if min(next.Latency, next.Jitter, next.SearchLag) < 0 {
		return nil, errBadRequest("a duration cannot be negative")
	}
	if set.RateLimit != nil || set.EndpointLimit != nil {
		next.RateLimit = *cmp.Or(set.RateLimit, &next.RateLimit)
		next.EndpointLimit = *cmp.Or(set.EndpointLimit, &next.EndpointLimit)
		next.limiters = newLimiters(next.RateLimit, next.EndpointLimit)
	}
	s.inForce.Store(&next)
	accountOf(s).index.lag.Store(int64(next.SearchLag))
	return struct{}{}, nil
}

func (s *Simulator) adminReset(*http.Request) (any, *adminError) {
	s.reset()
	return struct{}{}, nil
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
