package stripecharge_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"example.com/triplecharge/billing"
)

// intentsSuite is what every billing.Intents must pass. newStripe returns one that has charged
// nobody.
func intentsSuite(t *testing.T, newStripe func(t *testing.T) fixture) {
	run := suite(t, newStripe)
	run("takes no money to prepare", preparesWithoutMoney)
	run("takes the money to confirm, and returns what it took", confirmTakesWhatIsDue)
	run("takes the money once, however often it confirms", confirmsOnce)
	run("takes the money once, even if many confirm at once", confirmsOnceAtOnce)
	run("takes the money once, even if many confirm at once under one key", confirmsOnceUnderOneKey)
	run("takes the money once, even when the key is forgotten", confirmsOnceWithoutMemory)
	run("takes the money of each PaymentIntent: only registering one makes it once", confirmsEach)
	run("takes nothing by a PaymentIntent that isn't there", confirmsNothing)
	run("takes nothing by a PaymentIntent that is canceled", confirmsNothingCanceled)
	run("cancels nothing that has succeeded, and returns that charge", cancelsNoCharge)
	run("either cancels or takes the money, if both are asked at once", cancelsOrConfirms)
	run("prepares a canceled PaymentIntent again under its key only", preparesCanceledAgain)
	run("returns unknown for a cancellation whose reply was lost", losesCancellation)
	run("takes nothing from another customer's card", confirmsForAnother)
	run("reports a decline, then takes another card", takesAnotherCard)
	run("repeats a decline under its key, whatever the card", declineKeepsItsKey)
	run("returns unknown for a confirmation whose reply was lost", losesConfirmation)
	run("returns unknown for a decline whose reply was lost", losesDecline)
	run("returns unknown for a PaymentIntent whose reply was lost", losesPrepared)
	run("is blocked by a 500 instead of the charge under that key only", savedFailure(false))
	run("is blocked by a 500 after the charge under that key only", savedFailure(true))
	run("is blocked by a 500 to a preparation under that key only", savedFailureOfPrepare)
	run("returns not sent if the connection was refused", intentsRefused)
	run("asks for the lease, and announces the attempt, before it sends", intentsAskBeforeTheySend)
	run("sends nothing without a valid lease", intentsWithoutALease)
	run("doesn't send again once the lease is lost", intentsSendNoMore)
	run("sends nothing under a context that ended", intentsUnderEndedContext)
}

func preparesWithoutMoney(t *testing.T, s fixture) {
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

func confirmTakesWhatIsDue(t *testing.T, s fixture) {
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

func confirmsOnce(t *testing.T, s fixture) {
	intent := s.mustPrepare(t, s.Payable, "1")
	first := s.mustConfirm(t, intent, s.Payable, "1/confirm")
	for _, key := range []string{"1/confirm", "2/confirm", "3/confirm"} {
		if got := s.mustConfirm(t, intent, s.Payable, key); got != first {
			t.Errorf("under %s: got %+v\nwant %+v", key, got, first)
		}
	}
	s.wantCharges(t, 1)
}

func confirmsOnceAtOnce(t *testing.T, s fixture) {
	s.confirmAtOnce(t, []string{"1/confirm", "2/confirm", "3/confirm", "4/confirm", "5/confirm"})
}

func confirmsOnceUnderOneKey(t *testing.T, s fixture) {
	s.confirmAtOnce(t, []string{"1/confirm", "1/confirm", "1/confirm"})
}

func (s fixture) confirmAtOnce(t *testing.T, keys []string) {
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

func confirmsOnceWithoutMemory(t *testing.T, s fixture) {
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

func confirmsEach(t *testing.T, s fixture) {
	for _, key := range []string{"1", "2"} {
		s.mustConfirm(t, s.mustPrepare(t, s.Payable, key), s.Payable, key+"/confirm")
	}
	s.wantCharges(t, 2)
}

func confirmsNothing(t *testing.T, s fixture) {
	s.mustPrepare(t, s.Payable, "1")
	wantOutcome(t, s.confirm(t, "pi_none", s.Payable, "1/confirm"), billing.ErrNotSent)
	wantOutcome(t, s.cancel(t, "pi_none", s.Payable), billing.ErrNotSent)
	s.wantCharges(t, 0)
}

func intentsRefused(t *testing.T, s fixture) {
	intent := s.mustPrepare(t, s.Payable, "1")
	s.Refuse()
	wantOutcome(t, s.prepare(t, s.Payable, "2"), billing.ErrNotSent)
	wantOutcome(t, s.confirm(t, intent, s.Payable, "1/confirm"), billing.ErrNotSent)
	wantOutcome(t, s.cancel(t, intent, s.Payable), billing.ErrNotSent)
	s.wantCharges(t, 0)
}

func intentsAskBeforeTheySend(t *testing.T, s fixture) {
	preparing, confirming := watch{valid: 1}, watch{valid: 1}
	intent, err := s.Intents.Prepare(t.Context(), preparing.request(t, s.Payable, "1"))
	if err != nil {
		t.Fatal(err)
	}
	r := confirming.request(t, s.Payable, "1/confirm")
	announced := r.Sending
	r.Sending = func() { s.wantCharges(t, 0); announced() }
	if _, err := s.Intents.Confirm(t.Context(), intent.ID, r); err != nil {
		t.Error(err)
	}
	preparing.want(t)
	confirming.want(t)
	s.wantCharges(t, 1)
}

func intentsWithoutALease(t *testing.T, s fixture) {
	intent := s.mustPrepare(t, s.Payable, "1")
	r := (&watch{}).request(t, s.Payable, "2") // an announced attempt would be an error
	s.wantNothingSent(t, t.Context(), intent, r, billing.ErrLeaseLost)
}

func intentsUnderEndedContext(t *testing.T, s fixture) {
	intent := s.mustPrepare(t, s.Payable, "1")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	w := watch{valid: 2}
	s.wantNothingSent(t, ended, intent, w.request(t, s.Payable, "2"), context.Canceled)
	if w.sent != 0 {
		t.Errorf("Sending was called %d times, want none", w.sent)
	}
}

// wantNothingSent wants neither step to send anything, and both errors to wrap why.
func (s fixture) wantNothingSent(
	t *testing.T, ctx context.Context, intent string, r billing.Request, why error,
) {
	t.Helper()
	_, preparing := s.Intents.Prepare(ctx, r)
	_, confirming := s.Intents.Confirm(ctx, intent, r)
	_, canceling := s.Intents.Cancel(ctx, intent, r)
	for _, err := range []error{preparing, confirming, canceling} {
		wantOutcome(t, err, billing.ErrNotSent)
		if !errors.Is(err, why) {
			t.Errorf("got %v, want the reason in it: %v", err, why)
		}
	}
	s.wantCharges(t, 0)
}

func (s fixture) prepare(t *testing.T, inv billing.Invoice, key string) error {
	t.Helper()
	_, err := s.Intents.Prepare(t.Context(), billing.Request{Invoice: inv, Key: key})
	return err
}

func (s fixture) mustPrepare(t *testing.T, inv billing.Invoice, key string) string {
	t.Helper()
	intent, err := s.Intents.Prepare(t.Context(), billing.Request{Invoice: inv, Key: key})
	if err != nil || !intent.For(inv.Subscription) {
		t.Fatal(fmt.Errorf("under the key %s: got %+v, %w", key, intent, err))
	}
	return intent.ID
}

func (s fixture) confirm(t *testing.T, intent string, inv billing.Invoice, key string) error {
	t.Helper()
	_, err := s.Intents.Confirm(t.Context(), intent, billing.Request{Invoice: inv, Key: key})
	return err
}

func (s fixture) mustConfirm(
	t *testing.T, intent string, inv billing.Invoice, key string,
) billing.Charge {
	t.Helper()
	c, err := s.Intents.Confirm(t.Context(), intent, billing.Request{Invoice: inv, Key: key})
	if err != nil {
		t.Errorf("under the key %s: %v", key, err)
	}
	return c
}
