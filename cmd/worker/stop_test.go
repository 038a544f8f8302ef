package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/stripesim/control"
)

// traffic sees the requests that reach Stripe and may take money, and can have refusals ask for a
// pause.
type traffic struct {
	mu         sync.Mutex
	requests   []time.Time
	retryAfter string
}

func (s *traffic) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if strings.HasPrefix(r.URL.Path, "/v1/payment_intents") {
			s.requests = append(s.requests, time.Now())
		}
		pausing := pausing{w, s.retryAfter}
		s.mu.Unlock()
		defer s.mu.Lock()
		next.ServeHTTP(pausing, r)
	})
}

// forget starts anew.
func (s *traffic) forget(retryAfter string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests, s.retryAfter = nil, retryAfter
}

func (s *traffic) after(t time.Time) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, request := range s.requests {
		if request.After(t) {
			n++
		}
	}
	return n
}

type pausing struct {
	http.ResponseWriter
	retryAfter string
}

func (p pausing) WriteHeader(status int) {
	if status == http.StatusTooManyRequests {
		p.Header().Set("Retry-After", p.retryAfter)
	}
	p.ResponseWriter.WriteHeader(status)
}

// STOPS is the number of random moments at which a worker is stopped, in all.
func TestSIGTERMAtAnyMomentSendsNothingMore(t *testing.T) {
	t.Parallel()
	stops := 6
	if s := os.Getenv("STOPS"); s != "" {
		var err error
		stops, err = strconv.Atoi(s)
		must(t, err)
	}
	modes := []string{"locked", "claimed", "exactly-once"}
	for i, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			world := setup(t)
			world.addCustomers(120)
			for n := i; n < stops; n += len(modes) {
				world.stopOnce(mode, n/len(modes))
			}
		})
	}
}

// stopOnce stops a due run of a month of its own.
func (w *world) stopOnce(mode string, n int) {
	w.t.Helper()
	month := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC).AddDate(0, n, 0)
	args := []string{"--mode", mode, "--at", month.Format(time.RFC3339), "--force-at",
		"--stripe-timeout", "2s"}
	name := fmt.Sprintf("%s %s", mode, billing.PeriodOf(month))
	if hangs := n%2 == 1; hangs {
		gate, err := w.control.Hold(w.t.Context(), control.Rule{
			Point: control.Executing, Operation: control.OperationCharge,
		})
		must(w.t, err)
		defer func() { must(w.t, gate.Remove(w.t.Context())) }()
		w.traffic.forget("")
	} else {
		perSecond := 10
		if mode == "exactly-once" { // it prepares before it charges
			perSecond = 40
		}
		limit := func(n int) {
			must(w.t, w.control.Set(w.t.Context(), control.Settings{RateLimit: new(n)}))
		}
		limit(perSecond)
		defer limit(0)
		w.traffic.forget([]string{"1", "86400"}[n/2%2])
	}
	server := start(w.t, append(slices.Clone(w.env), "WORKER_LISTEN="), args...)
	limit, err := time.ParseDuration(server.wait(event.ServerReady).Reason)
	must(w.t, err)
	var signaled time.Time
	moment := rand.N(1500 * time.Millisecond)
	timer := time.AfterFunc(moment, func() {
		signaled = time.Now()
		_ = server.Process.Signal(syscall.SIGTERM) // unless it has ended
	})
	var stopping time.Time
	early, late := 0, 0 // charges that it sent
	for e := range server.events {
		switch {
		case e.Kind == event.ServerStopping:
			stopping = e.Time
		case e.Kind == event.ChargeSent && stopping.IsZero():
			early++
		case e.Kind == event.ChargeSent:
			late++
		}
	}
	server.wantExit(0)
	if timer.Stop() || stopping.IsZero() {
		w.t.Fatalf("%s: it ended before it was stopped after %v", name, moment)
	}
	took := time.Since(signaled)
	w.t.Logf("%s: stopped after %v, ended %v later: %d requests sent, %d charged", name,
		moment.Round(time.Millisecond), took.Round(time.Millisecond), early,
		w.wantRecorded(billing.PeriodOf(month)))
	if took > limit {
		w.t.Errorf("%s: it took %v to end, and promised %v", name, took, limit)
	}
	// What was sent before needs a moment to arrive.
	if n := w.traffic.after(stopping.Add(time.Second)); late > 0 || n > 0 {
		w.t.Errorf("%s: after SIGTERM %d charges were sent, and %d requests arrived", name, late, n)
	}
}

// wantRecorded wants each charge of the period to have its entry, and no invoice two. It returns
// how many there are.
func (w *world) wantRecorded(p billing.Period) (n int) {
	w.t.Helper()
	charges, err := w.control.ChargesSoFar(w.t.Context())
	must(w.t, err)
	audit, err := w.store.Audit(w.t.Context(), p)
	must(w.t, err)
	charged := map[string]int{}
	for _, c := range charges {
		if c.Period == p.String() {
			charged[c.Subscription]++
			n++
		}
	}
	for _, line := range audit.Invoices {
		if got := charged[line.Subscription]; got > 1 || got != line.Charges {
			w.t.Errorf("%s/%s has %d charges at Stripe and %d entries", line.Subscription, p,
				got, line.Charges)
		}
	}
	return n
}
