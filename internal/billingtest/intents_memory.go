package billingtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"example.com/triplecharge/billing"
)

// LikeMemoryIntents holds a Stripe to what MemoryIntents does, call by call, whatever is called in
// whatever order and whatever fails. So what is found out about the modes over MemoryIntents is
// true over that Stripe.
func LikeMemoryIntents(t *testing.T, s IntentsStripe) {
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++ // each run has keys and PaymentIntents of its own: the Stripe is the same
		w := &intentsWalk{T: t, run: runs, stripe: s, before: s.Charges(s.Declining)}
		w.memory.Declined = s.Declining.Subscription.PaymentMethod
		steps := map[string]func(){
			"prepare": w.prepare, "confirm": w.confirm,
			"lose replies": w.loseReplies, "fail": w.fail, "repair": w.repair, "forget": w.forget,
		}
		names := []string{
			"prepare", "prepare", "prepare", "confirm", "confirm", "confirm", "confirm", "confirm",
			"lose replies", "fail", "repair", "repair", "forget",
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

// intentsWalk makes the same calls to a Stripe and to one in memory.
type intentsWalk struct {
	*rapid.T
	run    int
	stripe IntentsStripe
	before int // charges of earlier runs
	memory MemoryIntents
	known  []twins // what was prepared, and not only lost
}

// twins are a PaymentIntent and the one that was prepared in its place in memory.
type twins struct{ stripe, memory string }

func (w *intentsWalk) key() string {
	return fmt.Sprint(w.run, "/", rapid.IntRange(1, 4).Draw(w.T, "key"))
}

// same wants both to have come to the same, and by the same PaymentIntent.
func (w *intentsWalk) same(what, got string, err error, want string, wantErr error) {
	w.Helper()
	same := (err == nil) == (wantErr == nil)
	for _, outcome := range []error{billing.ErrDeclined, billing.ErrUnknown, billing.ErrNotSent} {
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

func (w *intentsWalk) prepare() {
	r := billing.Request{Invoice: w.stripe.Declining, Key: w.key()}
	got, err := w.stripe.Intents.Prepare(context.Background(), r)
	want, wantErr := w.memory.Prepare(context.Background(), r)
	w.same("Prepare under "+r.Key, got, err, want, wantErr)
}

func (w *intentsWalk) confirm() {
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

func (w *intentsWalk) loseReplies() {
	w.repair()
	w.stripe.LoseReplies()
	w.memory.RepliesLost = true
}

func (w *intentsWalk) fail() {
	w.repair()
	done := rapid.Bool().Draw(w.T, "done")
	w.stripe.Fail(done)
	w.memory.FailsBefore, w.memory.FailsAfter = !done, done
}

func (w *intentsWalk) repair() {
	w.stripe.Repair()
	w.memory.RepliesLost, w.memory.FailsBefore, w.memory.FailsAfter = false, false, false
}

func (w *intentsWalk) forget() {
	w.stripe.ForgetKeys()
	w.memory.ForgetKeys()
}
