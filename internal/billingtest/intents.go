package billingtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"example.com/triplecharge/billing"
)

// IntentsStripe is an Intents and the Stripe behind it, for the suite.
type IntentsStripe struct {
	Intents   billing.Intents
	Payable   billing.Invoice           // one whose card pays
	Declining billing.Invoice           // one whose card declines
	Fixed     billing.Invoice           // Declining's, after the customer put a card that pays
	Charges   func(billing.Invoice) int // how many charges of an invoice Stripe has
	// LoseReplies makes Stripe do what it is asked, and every answer get lost.
	LoseReplies func()
	// Fail makes Stripe answer 500 to everything, and remember that under the request's key: in
	// place of doing what it is asked or, if done, after it.
	Fail func(done bool)
	// Repair ends LoseReplies and Fail.
	Repair func()
	// ForgetKeys makes Stripe forget all idempotency keys, as it does after a day.
	ForgetKeys func()
	// Refuse makes every connection to Stripe be refused, for good.
	Refuse func()
}

// Intents runs the suite of billing.Intents. newStripe returns one that has charged nobody.
func Intents(t *testing.T, newStripe func(t *testing.T) IntentsStripe) {
	run := func(name string, test func(*testing.T, IntentsStripe)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newStripe(t))
		})
	}
	run("takes no money to prepare", preparesWithoutMoney)
	run("takes the money to confirm, and says what it took", confirmTakesWhatIsDue)
	run("takes the money once, however often it confirms", confirmsOnce)
	run("takes the money once, also if many confirm at once", confirmsOnceAtOnce)
	run("takes the money once, also if many confirm at once under one key", confirmsOnceUnderOneKey)
	run("takes the money once, also when the key is forgotten", confirmsOnceWithoutMemory)
	run("takes the money of each PaymentIntent: only to register one makes it once", confirmsEach)
	run("takes nothing by a PaymentIntent that isn't there", confirmsNothing)
	run("tells a decline, and takes another card", takesAnotherCard)
	run("knows a decline again under its key, and no other card", declineKeepsItsKey)
	run("doesn't know what became of a confirmation whose reply was lost", losesConfirmation)
	run("doesn't know what became of a decline whose reply was lost", losesDecline)
	run("doesn't know what it prepared if the reply was lost", losesPrepared)
	run("is blocked by a 500 in place of the charge under that key only", savedFailure(false))
	run("is blocked by a 500 after the charge under that key only", savedFailure(true))
	run("is blocked by a 500 of what it prepares under that key only", savedFailureOfPrepare)
	run("sent nothing if it was refused", intentsRefused)
	run("asks for trust before it sends", intentsAskForTrust)
	run("sends nothing without trust", intentsWithoutTrust)
	run("doesn't send again once trust is lost", intentsSendNoMore)
	run("sends nothing under a context that ended", intentsUnderEndedContext)
}

func preparesWithoutMoney(t *testing.T, s IntentsStripe) {
	first, again := s.mustPrepare(t, s.Payable, "1"), s.mustPrepare(t, s.Payable, "1")
	if first == "" || first != again {
		t.Errorf("got %q and %q under one key, want the same", first, again)
	}
	if other := s.mustPrepare(t, s.Payable, "2"); other == "" || other == first {
		t.Errorf("got %q after %q under another key, want another", other, first)
	}
	if one, two := s.mustPrepare(t, s.Payable, ""), s.mustPrepare(t, s.Payable, ""); one == two {
		t.Error("got the same PaymentIntent for two calls without a key")
	}
	s.wantCharges(t, 0)
}

func confirmTakesWhatIsDue(t *testing.T, s IntentsStripe) {
	intent := s.mustPrepare(t, s.Payable, "1")
	got := s.mustConfirm(t, intent, s.Payable, "1/confirm")
	want := billing.Charge{
		Invoice:       s.Payable,
		PaymentIntent: intent,
		AmountMinor:   s.Payable.Subscription.AmountMinor,
		Currency:      s.Payable.Subscription.Currency,
	}
	if got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	s.wantCharges(t, 1)
}

func confirmsOnce(t *testing.T, s IntentsStripe) {
	intent := s.mustPrepare(t, s.Payable, "1")
	first := s.mustConfirm(t, intent, s.Payable, "1/confirm")
	for _, key := range []string{"1/confirm", "2/confirm", "3/confirm"} {
		if got := s.mustConfirm(t, intent, s.Payable, key); got != first {
			t.Errorf("under %s: got %+v\nwant %+v", key, got, first)
		}
	}
	s.wantCharges(t, 1)
}

func confirmsOnceAtOnce(t *testing.T, s IntentsStripe) {
	s.confirmAtOnce(t, []string{"1/confirm", "2/confirm", "3/confirm", "4/confirm", "5/confirm"})
}

func confirmsOnceUnderOneKey(t *testing.T, s IntentsStripe) {
	s.confirmAtOnce(t, []string{"1/confirm", "1/confirm", "1/confirm"})
}

func (s IntentsStripe) confirmAtOnce(t *testing.T, keys []string) {
	t.Helper()
	var (
		intent  = s.mustPrepare(t, s.Payable, "1")
		charges = make([]billing.Charge, len(keys))
		all     sync.WaitGroup
	)
	for i, key := range keys {
		all.Go(func() { charges[i] = s.mustConfirm(t, intent, s.Payable, key) })
	}
	all.Wait()
	if distinct := slices.Compact(charges); len(distinct) != 1 {
		t.Errorf("got %+v, want the same charge", distinct)
	}
	s.wantCharges(t, 1)
}

func confirmsOnceWithoutMemory(t *testing.T, s IntentsStripe) {
	intent := s.mustPrepare(t, s.Payable, "1")
	first := s.mustConfirm(t, intent, s.Payable, "1/confirm")
	s.ForgetKeys()
	if got := s.mustConfirm(t, intent, s.Payable, "1/confirm"); got != first {
		t.Errorf("got %+v\nwant %+v", got, first)
	}
	if other := s.mustPrepare(t, s.Payable, "1"); other == intent {
		t.Error("the key was not forgotten")
	}
	s.wantCharges(t, 1)
}

func confirmsEach(t *testing.T, s IntentsStripe) {
	for _, key := range []string{"1", "2"} {
		s.mustConfirm(t, s.mustPrepare(t, s.Payable, key), s.Payable, key+"/confirm")
	}
	s.wantCharges(t, 2)
}

func confirmsNothing(t *testing.T, s IntentsStripe) {
	s.mustPrepare(t, s.Payable, "1")
	wantOutcome(t, s.confirm(t, "pi_none", s.Payable, "1/confirm"), billing.ErrNotSent)
	s.wantCharges(t, 0)
}

func intentsRefused(t *testing.T, s IntentsStripe) {
	intent := s.mustPrepare(t, s.Payable, "1")
	s.Refuse()
	wantOutcome(t, s.prepare(t, s.Payable, "2"), billing.ErrNotSent)
	wantOutcome(t, s.confirm(t, intent, s.Payable, "1/confirm"), billing.ErrNotSent)
	s.wantCharges(t, 0)
}

func intentsAskForTrust(t *testing.T, s IntentsStripe) {
	asked := 0
	r := billing.Request{Invoice: s.Payable, Key: "1", Trusted: func() error {
		asked++
		s.wantCharges(t, 0)
		return nil
	}}
	intent, err := s.Intents.Prepare(t.Context(), r)
	if err != nil || asked == 0 {
		t.Fatalf("Prepare: got %v, asked %d times", err, asked)
	}
	asked, r.Key = 0, "1/confirm"
	if _, err := s.Intents.Confirm(t.Context(), intent, r); err != nil || asked == 0 {
		t.Errorf("Confirm: got %v, asked %d times", err, asked)
	}
	s.wantCharges(t, 1)
}

func intentsWithoutTrust(t *testing.T, s IntentsStripe) {
	intent := s.mustPrepare(t, s.Payable, "1")
	r := billing.Request{Invoice: s.Payable, Key: "2", Trusted: func() error {
		return billing.ErrLeaseLost
	}}
	s.wantNothingSent(t, t.Context(), intent, r, billing.ErrLeaseLost)
}

func intentsUnderEndedContext(t *testing.T, s IntentsStripe) {
	intent := s.mustPrepare(t, s.Payable, "1")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	r := billing.Request{Invoice: s.Payable, Key: "2"}
	s.wantNothingSent(t, ended, intent, r, context.Canceled)
}

// wantNothingSent wants neither step to send anything, and both to say why.
func (s IntentsStripe) wantNothingSent(
	t *testing.T, ctx context.Context, intent string, r billing.Request, why error,
) {
	t.Helper()
	_, preparing := s.Intents.Prepare(ctx, r)
	_, confirming := s.Intents.Confirm(ctx, intent, r)
	for _, err := range []error{preparing, confirming} {
		wantOutcome(t, err, billing.ErrNotSent)
		if !errors.Is(err, why) {
			t.Errorf("got %v, want it to say why: %v", err, why)
		}
	}
	s.wantCharges(t, 0)
}

func (s IntentsStripe) prepare(t *testing.T, inv billing.Invoice, key string) error {
	t.Helper()
	_, err := s.Intents.Prepare(t.Context(), billing.Request{Invoice: inv, Key: key})
	return err
}

func (s IntentsStripe) mustPrepare(t *testing.T, inv billing.Invoice, key string) string {
	t.Helper()
	intent, err := s.Intents.Prepare(t.Context(), billing.Request{Invoice: inv, Key: key})
	if err != nil {
		t.Fatal(fmt.Errorf("under the key %s: %w", key, err))
	}
	return intent
}

func (s IntentsStripe) confirm(t *testing.T, intent string, inv billing.Invoice, key string) error {
	t.Helper()
	_, err := s.Intents.Confirm(t.Context(), intent, billing.Request{Invoice: inv, Key: key})
	return err
}

func (s IntentsStripe) mustConfirm(
	t *testing.T, intent string, inv billing.Invoice, key string,
) billing.Charge {
	t.Helper()
	c, err := s.Intents.Confirm(t.Context(), intent, billing.Request{Invoice: inv, Key: key})
	if err != nil {
		t.Errorf("under the key %s: %v", key, err)
	}
	return c
}

func (s IntentsStripe) wantCharges(t *testing.T, want int) {
	t.Helper()
	if got := s.Charges(s.Payable); got != want {
		t.Errorf("got %d charges at Stripe, want %d", got, want)
	}
}
