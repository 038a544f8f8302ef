package stripesim_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76"

	"example.com/triplecharge/internal/stripesim"
	"example.com/triplecharge/internal/stripesim/control"
)

func TestSameKeyReplaysTheFirstAnswer(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	who := w.api("server-a").customer(t, "pm_card_visa")
	form := []string{"amount", "1000", "currency", "usd", "customer", who.customer,
		"payment_method", who.method, "confirm", "true", "off_session", "true"}
	key := []string{"Idempotency-Key", "alice/2026-12"}

	first := w.send("server-a", "POST", "/v1/payment_intents", key, form...)
	again := w.send("server-b", "POST", "/v1/payment_intents", key, form...)

	if first.status != http.StatusOK || again.status != http.StatusOK {
		t.Fatalf("got %d and %d, want 200 and 200: %s", first.status, again.status, again.body)
	}
	if first.body != again.body {
		t.Errorf("the replay is not the first answer:\n%s\n%s", first.body, again.body)
	}
	if got := again.header.Get("Idempotent-Replayed"); got != "true" {
		t.Errorf("Idempotent-Replayed: %q, want true", got)
	}
	if got := first.header.Get("Idempotent-Replayed"); got != "" {
		t.Errorf("the first answer says Idempotent-Replayed: %q", got)
	}
	got, want := again.header.Get("Original-Request"), first.header.Get("Request-Id")
	if got != want {
		t.Errorf("Original-Request is %q, want the first's %q", got, want)
	}
	if n := w.charges(); n != 1 {
		t.Errorf("%d charges, want 1", n)
	}
}

// charges is how often money was taken.
func (w *world) charges() int {
	w.t.Helper()
	charges, err := w.control.ChargesSoFar(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return len(charges)
}

func TestSameKeyWhileTheFirstExecutesIsAConflict(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	a, b := w.api("server-a"), w.api("server-b")
	who := a.customer(t, "pm_card_visa")
	gate := w.hold(control.Rule{Point: control.Executing, Server: "server-a",
		Operation: control.OperationCharge})

	first := w.start(func() error { _, err := a.intents.New(tenDollars(who, "k")); return err })
	calls := w.waiting(gate, 1)
	_, err := b.intents.New(tenDollars(who, "k"))
	conflict := stripeError(t, err)
	if conflict.HTTPStatusCode != http.StatusConflict ||
		conflict.Code != stripe.ErrorCodeIdempotencyKeyInUse {
		t.Errorf("got %d %s, want 409 idempotency_key_in_use",
			conflict.HTTPStatusCode, conflict.Code)
	}
	if got := conflict.LastResponse.Header.Get("Stripe-Should-Retry"); got == "false" {
		t.Error("the conflict tells the client not to retry")
	}

	if err := gate.Open(t.Context(), calls[0].ID); err != nil {
		t.Fatal(err)
	}
	if err := <-first; err != nil {
		t.Fatalf("the request that was held: %v", err)
	}
	if _, err := b.intents.New(tenDollars(who, "k")); err != nil {
		t.Errorf("after the first has executed: %v, want a replay", err)
	}
	if n := w.charges(); n != 1 {
		t.Errorf("%d charges, want 1", n)
	}
}

// hold adds a gate.
func (w *world) hold(r control.Rule) *control.Gate {
	w.t.Helper()
	gate, err := w.control.Hold(w.t.Context(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	return gate
}

// start runs f beside the test.
func (w *world) start(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return done
}

// waiting waits until n calls wait at the gate.
func (w *world) waiting(g *control.Gate, n int) []control.Call {
	w.t.Helper()
	for revision := int64(-1); ; {
		calls, next, err := g.Waiting(w.t.Context(), revision)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(calls) == n {
			return calls
		}
		revision = next
	}
}

func TestAKeyIsForgottenAfterADay(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	a := w.api("server-a")
	who := a.customer(t, "pm_card_visa")
	for _, step := range []struct {
		advance time.Duration
		charges int
	}{
		{0, 1},
		{24*time.Hour - time.Minute, 1},
		{time.Minute, 2},
		{1000 * time.Hour, 3},
	} {
		if err := w.control.Advance(t.Context(), step.advance); err != nil {
			t.Fatal(err)
		}
		if _, err := a.intents.New(tenDollars(who, "k")); err != nil {
			t.Fatal(err)
		}
		if n := w.charges(); n != step.charges {
			t.Errorf("another %v later: %d charges, want %d", step.advance, n, step.charges)
		}
	}
}
