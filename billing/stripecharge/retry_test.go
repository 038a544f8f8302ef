package stripecharge_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
)

// Stripe knows best whether a repetition can help; it never does after a decline.
func TestStripeSaysWhetherToRetry(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status   int
		advice   string
		want     error
		attempts int
	}{
		{500, "true", billing.ErrUnknown, 6},
		{500, "false", billing.ErrUnknown, 1},
		{503, "true", billing.ErrUnknown, 6},
		{503, "false", billing.ErrUnknown, 1},
		{400, "true", billing.ErrNotSent, 6},
		{409, "false", billing.ErrUnknown, 1},
		{429, "false", billing.ErrNotSent, 1},
		{402, "true", billing.ErrDeclined, 1},
	} {
		t.Run(fmt.Sprint(test.status, " ", test.advice), func(t *testing.T) {
			t.Parallel()
			var log requestLog
			other := httptest.NewServer(log.keep(http.HandlerFunc(
				func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Stripe-Should-Retry", test.advice)
					w.WriteHeader(test.status)
					_, _ = io.WriteString(w, `{"error":{"type":"api_error"}}`)
				})))
			t.Cleanup(other.Close)
			var asking lease
			_, err := hurriedClient(t, stripecharge.Options{URL: other.URL}).Charge(t.Context(),
				billing.Request{Invoice: unknownInvoice(t), Valid: asking.valid})
			wantOutcome(t, err, test.want)
			log.wantAttempts(t, test.attempts)
			if asking.asked != test.attempts {
				t.Errorf("asked for the lease %d times, want %d", asking.asked, test.attempts)
			}
		})
	}
}

// A due run holds if Stripe is away, and not because of one invoice.
func TestAnOutageIsNamed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status int
		body   string
		want   bool
	}{
		{502, "<html>Bad Gateway</html>", true},
		{503, `{"error":{"type":"api_error"}}`, true},
		{500, `{"error":{"type":"api_error"}}`, false},
		{409, `{"error":{"code":"idempotency_key_in_use"}}`, false},
		{429, `{"error":{"code":"lock_timeout"}}`, false},
		{400, `{"error":{"type":"invalid_request_error"}}`, false},
		{402, `{"error":{"type":"card_error"}}`, false},
	} {
		t.Run(fmt.Sprint(test.status), func(t *testing.T) {
			t.Parallel()
			other := httptest.NewServer(http.HandlerFunc(
				func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(test.status)
					_, _ = io.WriteString(w, test.body)
				}))
			t.Cleanup(other.Close)
			_, err := hurriedClient(t, stripecharge.Options{URL: other.URL}).Charge(t.Context(),
				billing.Request{Invoice: unknownInvoice(t)})
			if errors.Is(err, billing.ErrUnavailable) != test.want {
				t.Errorf("got %v; unavailable: want %v", err, test.want)
			}
		})
	}
}
