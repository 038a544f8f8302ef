package stripecharge_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/stripesim/control"
)

// stopped stops the client, and wants the charge that was being made to end as told, at once: what
// it waits for would take longer than the test may.
func stopped(t *testing.T, c *stripecharge.Client, charge <-chan error, want error) {
	t.Helper()
	c.Stop()
	err := <-charge
	wantOutcome(t, err, want)
	if !errors.Is(err, stripecharge.ErrStopped) {
		t.Errorf("got %v, want that it was stopped", err)
	}
}

func charging(t *testing.T, c *stripecharge.Client, r billing.Request) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := c.Charge(t.Context(), r)
		done <- err
	}()
	return done
}

func TestAStopEndsTheWaitForStripesRetryAfter(t *testing.T) {
	t.Parallel()
	for _, seconds := range []string{"20", "86400", "99999999999999999999", "1e999"} {
		t.Run(seconds, func(t *testing.T) {
			t.Parallel()
			arrived := make(chan struct{}, 10)
			other := httptest.NewServer(http.HandlerFunc(
				func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Retry-After", seconds)
					w.WriteHeader(http.StatusTooManyRequests)
					_, _ = io.WriteString(w, `{"error":{"code":"rate_limit"}}`)
					arrived <- struct{}{}
				}))
			t.Cleanup(other.Close)
			c := newClient(t, stripecharge.Options{URL: other.URL, AtOnce: 1})
			first := charging(t, c, billing.Request{Invoice: unknownInvoice(t)})
			second := charging(t, c, billing.Request{Invoice: unknownInvoice(t)})
			<-arrived
			stopped(t, c, first, billing.ErrNotSent)
			stopped(t, c, second, billing.ErrNotSent)
			if n := len(arrived); n > 0 {
				t.Errorf("%d further requests were sent", n)
			}
		})
	}
}

func TestStripesRetryAfterIsObeyedForHalfAMinuteAtTheMost(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"7": 7 * time.Second, "0.5": time.Second / 2, "86400": 30 * time.Second,
		"99999999999999999999": 30 * time.Second, "1e999": 30 * time.Second, "-1": 0, "NaN": 0,
	} {
		if got := stripecharge.RetryAfter(text); got != want {
			t.Errorf("%s: waits %v, want %v", text, got, want)
		}
	}
}

func TestAStopEndsTheWaitForATurn(t *testing.T) {
	t.Parallel()
	w := setup(t)
	inv := w.invoice("pm_card_visa")
	c := newClient(t, stripecharge.Options{URL: w.stripe.URL("server-a"), PerSecond: 0.001})
	_, err := c.Charge(t.Context(), billing.Request{Invoice: inv})
	must(t, err)
	stopped(t, c, charging(t, c, billing.Request{Invoice: inv}), billing.ErrNotSent)
	w.wantCharges(1)
}

// The request in flight is waited for; the one that waits for its place is not sent.
func TestAStopEndsTheWaitForAPlace(t *testing.T) {
	t.Parallel()
	w := setup(t)
	inv := w.invoice("pm_card_visa")
	gate, err := w.control.Hold(t.Context(), control.Rule{Point: control.Executing})
	must(t, err)
	c := newClient(t, stripecharge.Options{URL: w.stripe.URL("server-a"), AtOnce: 1})
	first := charging(t, c, billing.Request{Invoice: inv})
	waitAt(t, gate)
	second := charging(t, c, billing.Request{Invoice: inv})
	stopped(t, c, second, billing.ErrNotSent)
	must(t, gate.Remove(t.Context()))
	must(t, <-first)
	w.wantCharges(1)
	w.log.wantAttempts(t, 1)
}

func TestAStopEndsThePauseBeforeARetry(t *testing.T) {
	t.Parallel()
	w := setup(t)
	inv := w.invoice("pm_card_visa")
	_, err := w.control.Lose(t.Context(), control.Rule{})
	must(t, err)
	c := newClient(t, stripecharge.Options{
		URL: w.stripe.URL("server-a"), Timeout: 2 * time.Hour, Patience: 2 * time.Hour,
	})
	c.Dawdle()
	arrived := make(chan struct{})
	w.log.whenOneArrives(func() { close(arrived) })
	charge := charging(t, c, billing.Request{Invoice: inv})
	<-arrived
	stopped(t, c, charge, billing.ErrUnknown)
	w.wantCharges(1)
}

// Between the two requests of exactly-once, too.
func TestAStoppedClientSendsNothing(t *testing.T) {
	t.Parallel()
	w := setup(t)
	inv := w.invoice("pm_card_visa")
	c := w.client("server-a")
	intent, err := c.Prepare(t.Context(), billing.Request{Invoice: inv})
	must(t, err)
	c.Stop()
	var watching lease
	_, err = c.Confirm(t.Context(), intent.ID, watching.watched(inv))
	wantOutcome(t, err, billing.ErrNotSent)
	_, err = c.Prepare(t.Context(), watching.watched(inv))
	wantOutcome(t, err, billing.ErrNotSent)
	_, err = c.Charge(t.Context(), watching.watched(inv))
	wantOutcome(t, err, billing.ErrNotSent)
	if watching.sent != 0 || len(w.log.all()) != 1 {
		t.Errorf("%d requests were announced, and %d sent", watching.sent, len(w.log.all())-1)
	}
	w.wantCharges(0)
}

// A request that waits for a connection is not sent when it gets one.
func TestAStopEndsTheWaitForAConnection(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { must(t, listener.Close()) })
	c := newClient(t, stripecharge.Options{
		URL: "https://" + listener.Addr().String(), Timeout: time.Hour,
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	charge := make(chan error, 1)
	var began atomic.Bool
	go func() {
		_, err := c.Charge(ctx, billing.Request{
			Invoice: unknownInvoice(t), Sending: func() { began.Store(true) },
		})
		charge <- err
	}()
	conn, err := listener.Accept() // it never answers the TLS handshake
	must(t, err)
	defer func() { _ = conn.Close() }()
	stopped(t, c, charge, billing.ErrNotSent)
	if !began.Load() {
		t.Error("it had not begun")
	}
}
