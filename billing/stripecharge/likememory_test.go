package stripecharge_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
)

// A client returns what MemoryStripe returns, call by call, in any order of calls and failures. So
// whatever the explorer finds with MemoryStripe also holds for it.
func TestIntentsAreLikeThoseInMemory(t *testing.T) {
	t.Parallel()
	ours := setup(t)
	s := ours.forSuites(ours.client("server-a"))
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++ // each run has its own keys and PaymentIntents, since all share one Stripe
		w := &intentsCalls{T: t, run: runs, stripe: s, before: s.Charges(s.Declining)}
		w.memory.Declined = s.Declining.Subscription.PaymentMethod
		steps := map[string]func(){
			"prepare": w.prepare, "confirm": w.confirm, "cancel": w.cancel,
			"lose replies": w.loseReplies, "fail": w.fail, "repair": w.repair, "forget": w.forget,
		}
		names := []string{
			"prepare", "prepare", "prepare", "confirm", "confirm", "confirm", "confirm", "confirm",
			"cancel", "lose replies", "fail", "repair", "repair", "forget",
		}
		defer s.Repair()
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			steps[rapid.SampledFrom(names).Draw(t, "step")]()
		}
		got, want := s.Charges(s.Declining)-w.before, len(w.memory.Charges(s.Declining))
		if got != want {
			t.Fatalf("Stripe made %d charges, in memory there are %d", got, want)
		}
	})
}

// intentsCalls makes the same calls to a Stripe and to one in memory.
type intentsCalls struct {
	*rapid.T
	run    int
	stripe fixture
	before int // charges of earlier runs
	memory billingtest.MemoryStripe
	known  []twins // the prepared PaymentIntents whose IDs arrived
}

// twins are a PaymentIntent at Stripe and its counterpart in memory.
type twins struct{ stripe, memory string }

func (w *intentsCalls) key() string {
	return fmt.Sprint(w.run, "/", rapid.IntRange(1, 4).Draw(w.T, "key"))
}

// same wants both to have the same outcome, with the same PaymentIntent.
func (w *intentsCalls) same(what, got string, err error, want string, wantErr error) {
	w.Helper()
	same := (err == nil) == (wantErr == nil)
	for _, outcome := range []error{
		billing.ErrDeclined, billing.ErrUnknown, billing.ErrNotSent, billing.ErrCanceled,
	} {
		same = same && errors.Is(err, outcome) == errors.Is(wantErr, outcome)
	}
	if !same {
		w.Fatalf("%s: got %q, %v; in memory %q, %v", what, got, err, want, wantErr)
	}
	if err != nil {
		return
	}
	for _, k := range w.known {
		if (k.stripe == got) != (k.memory == want) {
			w.Fatalf("%s: got %q; in memory %q; before, these were %v", what, got, want, k)
		}
	}
	if pair := (twins{got, want}); !slices.Contains(w.known, pair) {
		w.known = append(w.known, pair)
	}
}

func (w *intentsCalls) prepare() {
	r := billing.Request{Invoice: w.stripe.Declining, Key: w.key()}
	got, err := w.stripe.Intents.Prepare(context.Background(), r)
	want, wantErr := w.memory.Prepare(context.Background(), r)
	w.same("Prepare under "+r.Key, got.ID, err, want.ID, wantErr)
	want.ID = got.ID
	if err == nil && got != want {
		w.Fatalf("got %+v; in memory %+v", got, want)
	}
}

func (w *intentsCalls) cancel() {
	if len(w.known) == 0 {
		return
	}
	intent := rapid.SampledFrom(w.known).Draw(w.T, "PaymentIntent")
	r := billing.Request{Invoice: w.stripe.Declining}
	got, err := w.stripe.Intents.Cancel(context.Background(), intent.stripe, r)
	want, wantErr := w.memory.Cancel(context.Background(), intent.memory, r)
	w.same("Cancel", got.PaymentIntent, err, want.PaymentIntent, wantErr)
}

func (w *intentsCalls) confirm() {
	if len(w.known) == 0 {
		return
	}
	intent := rapid.SampledFrom(w.known).Draw(w.T, "PaymentIntent")
	r := billing.Request{Invoice: w.stripe.Declining, Key: w.key()}
	if rapid.Bool().Draw(w.T, "fixed") {
		r.Invoice = w.stripe.Fixed
	}
	got, err := w.stripe.Intents.Confirm(context.Background(), intent.stripe, r)
	want, wantErr := w.memory.Confirm(context.Background(), intent.memory, r)
	w.same("Confirm under "+r.Key, got.PaymentIntent, err, want.PaymentIntent, wantErr)
	want.PaymentIntent = got.PaymentIntent
	if got != want {
		w.Fatalf("got %+v; in memory %+v", got, want)
	}
}

func (w *intentsCalls) loseReplies() {
	w.repair()
	w.stripe.LoseReplies()
	w.memory.RepliesLost = true
}

func (w *intentsCalls) fail() {
	w.repair()
	done := rapid.Bool().Draw(w.T, "done")
	w.stripe.Fail(done)
	w.memory.FailsBefore, w.memory.FailsAfter = !done, done
}

func (w *intentsCalls) repair() {
	w.stripe.Repair()
	w.memory.RepliesLost, w.memory.FailsBefore, w.memory.FailsAfter = false, false, false
}

func (w *intentsCalls) forget() {
	w.stripe.ForgetKeys()
	w.memory.ForgetKeys()
}
