package stripecharge_test

import (
	"errors"
	"testing"

	"example.com/triplecharge/billing"
)

func takesAnotherCard(t *testing.T, s fixture) {
	intent := s.mustPrepare(t, s.Declining, "1")
	for _, key := range []string{"1/confirm", "2/confirm"} {
		wantOutcome(t, s.confirm(t, intent, s.Declining, key), billing.ErrDeclined)
	}
	s.wantChargesOfDeclining(t, 0)
	if c := s.mustConfirm(t, intent, s.Fixed, "3/confirm"); c.PaymentIntent != intent {
		t.Errorf("got %+v, want a charge by the same PaymentIntent, %s", c, intent)
	}
	// A server that doesn't know the new card yet confirms once more. The charge is the same.
	if c := s.mustConfirm(t, intent, s.Declining, "4/confirm"); c.PaymentIntent != intent {
		t.Errorf("got %+v, want the charge by %s", c, intent)
	}
	s.wantChargesOfDeclining(t, 1)
}

// This is why the claim's generation is part of the key.
func declineKeepsItsKey(t *testing.T, s fixture) {
	intent := s.mustPrepare(t, s.Declining, "1")
	for range 2 {
		wantOutcome(t, s.confirm(t, intent, s.Declining, "1/confirm"), billing.ErrDeclined)
	}
	wantOutcome(t, s.confirm(t, intent, s.Fixed, "1/confirm"), billing.ErrUnknown)
	s.wantChargesOfDeclining(t, 0)
	s.mustConfirm(t, intent, s.Fixed, "2/confirm")
	s.wantChargesOfDeclining(t, 1)
}

func losesConfirmation(t *testing.T, s fixture) {
	intent := s.mustPrepare(t, s.Payable, "1")
	s.LoseReplies()
	for _, key := range []string{"1/confirm", "2/confirm"} {
		wantOutcome(t, s.confirm(t, intent, s.Payable, key), billing.ErrUnknown)
		s.wantCharges(t, 1)
	}
	s.Repair()
	if c := s.mustConfirm(t, intent, s.Payable, "3/confirm"); c.PaymentIntent != intent {
		t.Errorf("got %+v, want the charge by %s", c, intent)
	}
	s.wantCharges(t, 1)
}

func losesDecline(t *testing.T, s fixture) {
	intent := s.mustPrepare(t, s.Declining, "1")
	s.LoseReplies()
	wantOutcome(t, s.confirm(t, intent, s.Declining, "1/confirm"), billing.ErrUnknown)
	s.Repair()
	wantOutcome(t, s.confirm(t, intent, s.Declining, "1/confirm"), billing.ErrDeclined)
	s.wantChargesOfDeclining(t, 0)
}

func losesPrepared(t *testing.T, s fixture) {
	s.LoseReplies()
	wantOutcome(t, s.prepare(t, s.Payable, "1"), billing.ErrUnknown)
	s.Repair()
	// The PaymentIntent that nobody knows of is inert: it has no card.
	s.mustConfirm(t, s.mustPrepare(t, s.Payable, "2"), s.Payable, "2/confirm")
	s.wantCharges(t, 1)
}

// savedFailure returns the test of a 500 instead of the charge or, if done, after it.
func savedFailure(done bool) func(*testing.T, fixture) {
	taken := 0
	if done {
		taken = 1
	}
	return func(t *testing.T, s fixture) {
		intent := s.mustPrepare(t, s.Payable, "1")
		s.Fail(done)
		wantOutcome(t, s.confirm(t, intent, s.Payable, "1/confirm"), billing.ErrUnknown)
		s.Repair()
		wantOutcome(t, s.confirm(t, intent, s.Payable, "1/confirm"), billing.ErrUnknown)
		s.wantCharges(t, taken)
		if c := s.mustConfirm(t, intent, s.Payable, "2/confirm"); c.PaymentIntent != intent {
			t.Errorf("got %+v, want the charge by %s", c, intent)
		}
		s.wantCharges(t, 1)
	}
}

func savedFailureOfPrepare(t *testing.T, s fixture) {
	s.Fail(true)
	wantOutcome(t, s.prepare(t, s.Payable, "1"), billing.ErrUnknown)
	s.Repair()
	wantOutcome(t, s.prepare(t, s.Payable, "1"), billing.ErrUnknown)
	s.mustConfirm(t, s.mustPrepare(t, s.Payable, "2"), s.Payable, "2/confirm")
	s.wantCharges(t, 1)
}

// An Intents need not make a second attempt. If it does, it asks for the lease first; a refusal
// does not make the first attempt unsent.
func intentsSendNoMore(t *testing.T, s fixture) {
	intent := s.mustPrepare(t, s.Payable, "1")
	s.LoseReplies()
	steps := map[string]func(billing.Request) error{
		"Prepare": func(r billing.Request) error {
			_, err := s.Intents.Prepare(t.Context(), r)
			return err
		},
		"Confirm": func(r billing.Request) error {
			_, err := s.Intents.Confirm(t.Context(), intent, r)
			return err
		},
	}
	for name, step := range steps {
		w := watch{valid: 1}
		err := step(w.request(t, s.Payable, name))
		wantOutcome(t, err, billing.ErrUnknown)
		if w.asked > 1 && !errors.Is(err, billing.ErrLeaseLost) {
			t.Errorf("%s: got %v, want the reason in it", name, err)
		}
		w.want(t)
	}
	s.wantCharges(t, 1)
}

func (s fixture) wantChargesOfDeclining(t *testing.T, want int) {
	t.Helper()
	if got := s.Charges(s.Declining); got != want {
		t.Errorf("got %d charges at Stripe, want %d", got, want)
	}
}
