package stripesim_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/stripe/stripe-go/v76"

	"example.com/triplecharge/internal/stripesim"
	"example.com/triplecharge/internal/stripesim/control"
)

func TestGateHoldsOnlyWhatItMatches(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]control.Rule{
		"by server":       {Server: "server-a"},
		"by key":          {Key: "of-a"},
		"by operation":    {Server: "server-a", Operation: control.OperationCharge},
		"by endpoint":     {Server: "server-a", Operation: "payment_intents.create"},
		"by path":         {Server: "server-a", Path: "/v1/payment_*", Method: "POST"},
		"by subscription": {Server: "server-a", Subscription: "alice", Period: "2026-12"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t, stripesim.Options{})
			a, b := w.api("server-a"), w.api("server-b")
			who := a.customer(t, "pm_card_visa")
			rule.Point = control.Arriving
			gate := w.hold(rule)
			held := w.start(func() error {
				_, err := a.intents.New(tenDollars(who, "of-a"))
				return err
			})
			calls := w.waiting(gate, 1)

			if _, err := b.intents.New(tenDollars(who, "of-b")); err != nil {
				t.Fatalf("a request that does not match: %v", err)
			}
			if n := w.charges(); n != 1 {
				t.Errorf("%d charges while one is held, want 1", n)
			}
			c := calls[0]
			if c.Server != "server-a" || c.IdempotencyKey != "of-a" || c.Subscription != "alice" ||
				c.Period != "2026-12" {
				t.Errorf("the call is shown as %+v", c)
			}
			if err := gate.Remove(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := <-held; err != nil {
				t.Errorf("the request that was held: %v", err)
			}
			if n := w.charges(); n != 2 {
				t.Errorf("%d charges in the end, want 2", n)
			}
		})
	}
}

func TestGateMatchesAConfirmByTheMetadataOfItsPaymentIntent(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	a := w.api("server-a")
	who := a.customer(t, "pm_card_visa")
	params := tenDollars(who, "create")
	params.Confirm, params.OffSession = nil, nil
	created, err := a.intents.New(params)
	if err != nil {
		t.Fatal(err)
	}
	gate := w.hold(control.Rule{Point: control.Executing, Operation: control.OperationCharge,
		Subscription: "alice", Period: "2026-12"})
	held := w.start(func() error {
		_, err := a.intents.Confirm(created.ID, &stripe.PaymentIntentConfirmParams{})
		return err
	})
	call := w.waiting(gate, 1)[0]
	if call.PaymentIntent != created.ID {
		t.Errorf("the call is shown on %q, want %s", call.PaymentIntent, created.ID)
	}
	if err := gate.Open(t.Context(), call.ID); err != nil {
		t.Fatal(err)
	}
	if err := <-held; err != nil {
		t.Error(err)
	}
}

func TestOpenLetsOnlyTheNamedCallsPass(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	a := w.api("server-a")
	who := a.customer(t, "pm_card_visa")
	gate := w.hold(control.Rule{Point: control.Arriving, Operation: control.OperationCharge})
	// What takes no money is no charge, and passes.
	newTarget(w.urls["server-a"], testKey).unconfirmed(t, who)
	var done []<-chan error
	for _, key := range []string{"1", "2", "3"} {
		done = append(done, w.start(func() error {
			_, err := a.intents.New(tenDollars(who, key))
			return err
		}))
		w.waiting(gate, len(done))
	}
	calls := w.waiting(gate, 3)
	if err := gate.Open(t.Context(), calls[1].ID); err != nil {
		t.Fatal(err)
	}
	if err := <-done[1]; err != nil {
		t.Fatal(err)
	}
	left := w.waiting(gate, 2)
	if left[0].ID != calls[0].ID || left[1].ID != calls[2].ID {
		t.Errorf("%v wait, want %v and %v", left, calls[0], calls[2])
	}
	if n := w.charges(); n != 1 {
		t.Errorf("%d charges, want 1", n)
	}
}

func TestARequestExecutesAlthoughItsClientIsGone(t *testing.T) {
	t.Parallel()
	for _, point := range []control.Point{control.Arriving, control.Executing, control.Committed} {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			w := setup(t, stripesim.Options{})
			a := w.api("server-a")
			who := a.customer(t, "pm_card_visa")
			gate := w.hold(control.Rule{Point: point, Operation: control.OperationCharge})
			ctx, hangUp := context.WithCancel(t.Context())
			gone := w.start(func() error {
				params := tenDollars(who, "k")
				params.Context = ctx
				_, err := a.intents.New(params)
				return err
			})
			call := w.waiting(gate, 1)[0]
			hangUp()
			if err := <-gone; !errors.Is(err, context.Canceled) {
				t.Fatalf("the client that hung up got %v", err)
			}
			want := 0
			if point == control.Committed {
				want = 1
			}
			if n := w.charges(); n != want {
				t.Errorf("%d charges while it is held, want %d", n, want)
			}
			if err := gate.Open(t.Context(), call.ID); err != nil {
				t.Fatal(err)
			}
			for charge, err := range w.control.Charges(t.Context()) {
				if err != nil || charge.IdempotencyKey != "k" || charge.Server != "server-a" {
					t.Errorf("got the charge %+v and %v", charge, err)
				}
				break // it came: the request was executed
			}
		})
	}
}

func TestALostReplyWasCommitted(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	a, b := w.api("server-a"), w.api("server-b")
	who := a.customer(t, "pm_card_visa")
	lost, err := w.control.Lose(t.Context(), control.Rule{Server: "server-a",
		Operation: control.OperationCharge})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // every reply, not only the first
		if _, err := a.intents.New(tenDollars(who, "k")); err == nil {
			t.Fatal("the reply was not lost")
		}
	}
	if n := w.charges(); n != 1 {
		t.Errorf("%d charges, want 1", n)
	}
	if _, err := b.intents.New(tenDollars(who, "k")); err != nil {
		t.Errorf("another server's replay: %v", err)
	}
	if err := lost.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := a.intents.New(tenDollars(who, "k")); err != nil {
		t.Errorf("after the rule was removed: %v", err)
	}
}

func TestAForcedStatusIsSavedUnderTheKey(t *testing.T) {
	t.Parallel()
	for when, charges := range map[control.When]int{
		control.BeforeCommit: 0, control.AfterCommit: 1,
	} {
		t.Run(string(when), func(t *testing.T) {
			t.Parallel()
			w := setup(t, stripesim.Options{})
			a, b := w.api("server-a"), w.api("server-b")
			who := a.customer(t, "pm_card_visa")
			rule := control.Rule{Server: "server-a", Operation: control.OperationCharge}
			forced, err := w.control.Fail(t.Context(), rule, http.StatusInternalServerError, when)
			if err != nil {
				t.Fatal(err)
			}
			_, err = a.intents.New(tenDollars(who, "k"))
			if got := stripeError(t, err).HTTPStatusCode; got != http.StatusInternalServerError {
				t.Errorf("got status %d, want 500", got)
			}
			if err := forced.Remove(t.Context()); err != nil {
				t.Fatal(err)
			}
			_, err = b.intents.New(tenDollars(who, "k"))
			if got := stripeError(t, err).HTTPStatusCode; got != http.StatusInternalServerError {
				t.Errorf("the replay has status %d, want 500", got)
			}
			if n := w.charges(); n != charges {
				t.Errorf("%d charges, want %d", n, charges)
			}
		})
	}
}

func TestAForcedRefusalIsNotSaved(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	a := w.api("server-a")
	who := a.customer(t, "pm_card_visa")
	forced, err := w.control.Fail(t.Context(), control.Rule{Operation: control.OperationCharge},
		http.StatusTooManyRequests, control.BeforeCommit)
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.intents.New(tenDollars(who, "k"))
	if got := stripeError(t, err).HTTPStatusCode; got != http.StatusTooManyRequests {
		t.Errorf("got status %d, want 429", got)
	}
	if err := forced.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := a.intents.New(tenDollars(who, "k")); err != nil {
		t.Errorf("the same key afterwards: %v", err)
	}
}

func TestCloseDropsWhatIsHeldWithoutExecutingIt(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	a := w.api("server-a")
	who := a.customer(t, "pm_card_visa")
	gate := w.hold(control.Rule{Point: control.Executing})
	held := w.start(func() error { _, err := a.intents.New(tenDollars(who, "k")); return err })
	w.waiting(gate, 1)
	w.sim.Close()
	if err := <-held; err == nil {
		t.Error("a request that was held was answered after Close")
	}
}
