package stripecharge_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/stripesim/control"
)

func TestADeclineIsNeverTriedAgain(t *testing.T) {
	t.Parallel()
	for name, card := range map[string]string{
		"saved card":         "pm_card_chargeCustomerFail",
		"generic":            "pm_card_visa_chargeDeclined",
		"insufficient funds": "pm_card_visa_chargeDeclinedInsufficientFunds",
		"expired card":       "pm_card_chargeDeclinedExpiredCard",
		"incorrect CVC":      "pm_card_chargeDeclinedIncorrectCvc",
		"processing error":   "pm_card_chargeDeclinedProcessingError",
		"fraud":              "pm_card_chargeDeclinedFraudulent",
		"authentication":     "pm_card_authenticationRequired",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			inv := w.invoice("pm_card_visa")
			// Not saved at first: most of these cards already fail when they are.
			inv.Subscription.PaymentMethod = card
			var asking lease
			_, err := w.client("server-a").Charge(t.Context(),
				billing.Request{Invoice: inv, Valid: asking.valid})
			wantOutcome(t, err, billing.ErrDeclined)
			w.log.wantAttempts(t, 1)
			w.wantCharges(0)
		})
	}
}

// An unknown outcome before a decline doesn't blur it: the key is the same, so it is the decline
// of the very request whose reply was lost.
func TestADeclineWhoseReplyWasLostIsFoundAgain(t *testing.T) {
	t.Parallel()
	w := setup(t)
	inv := w.invoice("pm_card_chargeCustomerFail")
	lost, err := w.control.Lose(t.Context(), control.Rule{})
	must(t, err)
	asking := lease{ask: func(asked int) error {
		if asked == 1 {
			return nil
		}
		return lost.Remove(t.Context())
	}}
	_, err = w.client("server-a").Charge(t.Context(),
		billing.Request{Invoice: inv, Valid: asking.valid})
	wantOutcome(t, err, billing.ErrDeclined)
	w.log.wantAttempts(t, 2)
	w.wantCharges(0)
}

func TestAChargeWhoseRepliesAreAllLostIsUnknown(t *testing.T) {
	t.Parallel()
	w := setup(t)
	inv := w.invoice("pm_card_visa")
	_, err := w.control.Lose(t.Context(), control.Rule{})
	must(t, err)
	_, err = w.client("server-a").Charge(t.Context(), billing.Request{Invoice: inv})
	wantOutcome(t, err, billing.ErrUnknown)
	w.log.wantAttempts(t, 6)
	w.wantCharges(1)
}

// What the simulator answers with of its own accord.
func TestOutcomesOfRefusals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		refuse   func(*testing.T, *world, *billing.Request)
		want     error
		attempts int // of the charge under test
		charges  int
	}{
		{"429 throughout: nothing was executed", func(_ *testing.T, w *world, _ *billing.Request) {
			w.fail(http.StatusTooManyRequests, control.BeforeCommit)
		}, billing.ErrNotSent, 6, 0},
		{"a 500 saved before the charge", func(_ *testing.T, w *world, _ *billing.Request) {
			w.fail(http.StatusInternalServerError, control.BeforeCommit)
		}, billing.ErrUnknown, 1, 0},
		{"a 500 saved after the charge", func(_ *testing.T, w *world, _ *billing.Request) {
			w.fail(http.StatusInternalServerError, control.AfterCommit)
		}, billing.ErrUnknown, 1, 1},
		{"a bad parameter", func(_ *testing.T, _ *world, r *billing.Request) {
			r.Invoice.Subscription.Customer = "cus_nobody"
		}, billing.ErrNotSent, 1, 0},
		{"the key of another charge", func(t *testing.T, w *world, r *billing.Request) {
			other := *r
			other.Invoice.Subscription.AmountMinor++
			_, err := w.client("server-b").Charge(t.Context(), other)
			must(t, err)
			w.log.forget()
		}, billing.ErrUnknown, 1, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			r := billing.Request{Invoice: w.invoice("pm_card_visa"), Key: "k"}
			test.refuse(t, w, &r)
			_, err := w.client("server-a").Charge(t.Context(), r)
			wantOutcome(t, err, test.want)
			w.log.wantAttempts(t, test.attempts)
			w.wantCharges(test.charges)
		})
	}
}

func (w *world) fail(status int, when control.When) *control.Handle {
	w.t.Helper()
	h, err := w.control.Fail(w.t.Context(), control.Rule{Operation: control.OperationCharge},
		status, when)
	must(w.t, err)
	return h
}

func TestARateLimitIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := setup(t)
	inv := w.invoice("pm_card_visa")
	limit := w.fail(http.StatusTooManyRequests, control.BeforeCommit)
	asking := lease{ask: func(asked int) error {
		if asked < 3 {
			return nil
		}
		return limit.Remove(t.Context())
	}}
	_, err := w.client("server-a").Charge(t.Context(),
		billing.Request{Invoice: inv, Valid: asking.valid})
	must(t, err)
	w.log.wantAttempts(t, 3)
	w.wantCharges(1)
}

// One attempt that may have charged is enough: what is refused afterwards doesn't undo it.
func TestAnUnknownOutcomeStaysUnknown(t *testing.T) {
	t.Parallel()
	for status, attempts := range map[int]int{429: 6, 400: 2, 401: 2, 500: 2} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			var log requestLog
			other := httptest.NewServer(log.keep(http.HandlerFunc(
				func(w http.ResponseWriter, _ *http.Request) {
					if len(log.all()) == 1 {
						panic(http.ErrAbortHandler) // the reply is lost
					}
					w.WriteHeader(status)
					_, _ = io.WriteString(w, `{"error":{"type":"invalid_request_error"}}`)
				})))
			t.Cleanup(other.Close)
			_, err := hurriedClient(t, stripecharge.Options{URL: other.URL}).Charge(t.Context(),
				billing.Request{Invoice: unknownInvoice(t)})
			wantOutcome(t, err, billing.ErrUnknown)
			log.wantAttempts(t, attempts)
		})
	}
}

// What doesn't come from Stripe, or not in its form.
func TestOutcomesOfAnswersByOthers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		status   int
		body     string
		want     error
		attempts int
	}{
		{"a gateway's HTML", 502, "<html><h1>502 Bad Gateway</h1></html>", billing.ErrUnknown, 6},
		{"a gateway's JSON", 503, `{"message":"Service Unavailable"}`, billing.ErrUnknown, 6},
		{"an empty answer", 200, "", billing.ErrUnknown, 6},
		{"JSON that is no PaymentIntent", 200, `{}`, billing.ErrUnknown, 6},
		{"one that still processes", 200, `{"id":"pi_1","status":"processing"}`,
			billing.ErrUnknown, 1},
		{"one that waits for the customer", 200, `{"id":"pi_1","status":"requires_action"}`,
			billing.ErrUnknown, 1},
		{"401", 401, `{"error":{"type":"invalid_request_error","message":"Invalid API Key"}}`,
			billing.ErrNotSent, 1},
		{"404", 404, `{"error":{"type":"invalid_request_error","message":"Unrecognized"}}`,
			billing.ErrNotSent, 1},
		{"a lock time-out, which is a 429", 429,
			`{"error":{"type":"invalid_request_error","code":"lock_timeout"}}`,
			billing.ErrNotSent, 6},
		{"503 from Stripe", 503, `{"error":{"type":"api_error"}}`, billing.ErrUnknown, 6},
		{"504 from Stripe", 504, `{"error":{"type":"api_error"}}`, billing.ErrUnknown, 6},
		{"500 from Stripe", 500, `{"error":{"type":"api_error"}}`, billing.ErrUnknown, 1},
		{"408", 408, `{"error":{"type":"invalid_request_error"}}`, billing.ErrUnknown, 6},
		{"424, of somebody behind Stripe", 424, `{"error":{"type":"api_error"}}`,
			billing.ErrUnknown, 1},
		{"403", 403, `{"error":{"type":"invalid_request_error"}}`, billing.ErrNotSent, 1},
		{"one to be captured", 200, `{"id":"pi_1","status":"requires_capture"}`,
			billing.ErrUnknown, 1},
		{"one to be confirmed", 200, `{"id":"pi_1","status":"requires_confirmation"}`,
			billing.ErrUnknown, 1},
		{"one that needs another card", 200, `{"id":"pi_1","status":"requires_payment_method"}`,
			billing.ErrDeclined, 1},
		{"one that is canceled", 200, `{"id":"pi_1","status":"canceled"}`, billing.ErrDeclined, 1},
		{"one in a state of the future", 200, `{"id":"pi_1","status":"requires_patience"}`,
			billing.ErrUnknown, 1},
		{"a refusal while it processes", 400, refusal("processing"), billing.ErrUnknown, 1},
		{"a refusal while it waits for the customer", 400, refusal("requires_action"),
			billing.ErrUnknown, 1},
		{"a refusal while it waits for a capture", 400, refusal("requires_capture"),
			billing.ErrUnknown, 1},
		{"a refusal of one that has succeeded", 400, refusal("succeeded"), billing.ErrUnknown, 1},
		{"a refusal of one that is canceled", 400, refusal("canceled"), billing.ErrNotSent, 1},
		{"a decline of one that processes", 402, refusal("processing"), billing.ErrUnknown, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var log requestLog
			other := httptest.NewServer(log.keep(http.HandlerFunc(
				func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(test.status)
					_, _ = io.WriteString(w, test.body)
				})))
			t.Cleanup(other.Close)
			_, err := hurriedClient(t, stripecharge.Options{URL: other.URL}).Charge(t.Context(),
				billing.Request{Invoice: unknownInvoice(t)})
			wantOutcome(t, err, test.want)
			log.wantAttempts(t, test.attempts)
		})
	}
}

// refusal is an error about a PaymentIntent.
func refusal(status string) string {
	return `{"error":{"type":"invalid_request_error","code":"payment_intent_unexpected_state",
		"payment_intent":{"id":"pi_1","status":"` + status + `"}}}`
}

// unknownInvoice is one for a Stripe that doesn't look.
func unknownInvoice(t *testing.T) billing.Invoice {
	t.Helper()
	return billing.Invoice{Subscription: alice("pm_card_visa"), Period: december(t)}
}

// An attempt that got no answer in its time ends the patience, too: there is no other.
func TestAnAttemptThatTimesOutIsUnknown(t *testing.T) {
	t.Parallel()
	for _, point := range []control.Point{control.Executing, control.Committed} {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			inv := w.invoice("pm_card_visa")
			gate, err := w.control.Hold(t.Context(), control.Rule{Point: point})
			must(t, err)
			var asking lease
			c := newClient(t, stripecharge.Options{
				URL: w.stripe.URL("server-a"), Timeout: shortTimeout,
			})
			_, err = c.Charge(t.Context(),
				billing.Request{Invoice: inv, Valid: asking.valid})
			wantOutcome(t, err, billing.ErrUnknown)
			if asking.asked != 1 {
				t.Errorf("tried %d times, want 1", asking.asked)
			}
			w.log.wantAttempts(t, 1)
			// What the client no longer waits for happens all the same.
			must(t, gate.Remove(t.Context()))
			w.waitForCharge()
			w.wantCharges(1)
		})
	}
}

// waitForCharge returns once Stripe has taken money.
func (w *world) waitForCharge() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	for _, err := range w.control.Charges(ctx) {
		must(w.t, err)
		return
	}
	w.t.Fatal("the feed of charges ended")
}
