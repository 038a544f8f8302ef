package stripetest_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"example.com/triplecharge/billing/stripetest"
)

func TestServersAreWrappedAndCanBeClosed(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	s := stripetest.Start(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests.Add(1)
			next.ServeHTTP(w, r)
		})
	})
	first := s.URL("server-a")
	if s.URL("server-a") != first || s.URL("server-b") == first {
		t.Error("a server must have an address of its own")
	}
	if err := bill(s.URL("server-a"), ""); err != nil || requests.Load() != 1 {
		t.Errorf("%v after %d requests, want one", err, requests.Load())
	}
	s.Server("server-a").Close()
	if err := bill(s.URL("server-a"), ""); err == nil {
		t.Error("a server that was closed answers")
	}
	if err := bill(s.URL("server-b"), ""); err != nil || len(s.Charges()) != 2 {
		t.Errorf("%v, and the charges %+v, want two", err, s.Charges())
	}
}

func TestTheClockIsStripes(t *testing.T) {
	t.Parallel()
	s := stripetest.Start(t)
	midnight := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	s.SetClock(midnight)
	s.Advance(time.Hour)
	if now := s.Now(); now.Before(midnight.Add(time.Hour)) || now.After(midnight.Add(2*time.Hour)) {
		t.Errorf("it is %v, want an hour after %v", now, midnight)
	}
	if err := bill(s.URL(""), ""); err != nil || s.Charges()[0].Created.Before(midnight) {
		t.Errorf("%v, and the charges are %+v", err, s.Charges())
	}
}

// A test that ends while a request is held must end all the same.
func TestAHeldRequestEndsWithTheTest(t *testing.T) {
	t.Parallel()
	done := make(chan error, 1)
	t.Run("a test that forgets its gate", func(t *testing.T) {
		s := stripetest.Start(t)
		gate := s.Hold(stripetest.Match{Operation: stripetest.TakesMoney}, stripetest.Arriving)
		url := s.URL("server-a")
		go func() { done <- bill(url, "") }()
		gate.Waiting(1)
	})
	if err := <-done; err == nil {
		t.Error("the request was answered")
	}
}
