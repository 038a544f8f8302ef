package stripecharge_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"example.com/triplecharge/billing"
)

func confirmsNothingCanceled(t *testing.T, s fixture) {
	intent := s.mustPrepare(t, s.Payable, "1")
	for range 2 {
		wantOutcome(t, s.cancel(t, intent, s.Payable), billing.ErrCanceled)
	}
	for _, key := range []string{"1/confirm", "1/confirm", "2/confirm"} {
		wantOutcome(t, s.confirm(t, intent, s.Payable, key), billing.ErrCanceled)
	}
	s.ForgetKeys()
	wantOutcome(t, s.confirm(t, intent, s.Payable, "1/confirm"), billing.ErrCanceled)
	wantOutcome(t, s.cancel(t, intent, s.Payable), billing.ErrCanceled)
	s.wantCharges(t, 0)
}

// What Stripe took counts, even if the invoice asks something else by now.
func cancelsNoCharge(t *testing.T, s fixture) {
	want := s.mustConfirm(t, s.mustPrepare(t, s.Payable, "1"), s.Payable, "1/confirm")
	want.Invoice.Subscription.AmountMinor++
	for range 2 {
		got, err := s.Intents.Cancel(t.Context(), want.PaymentIntent,
			billing.Request{Invoice: want.Invoice})
		if err != nil || got != want {
			t.Errorf("got %+v, %v\nwant %+v", got, err, want)
		}
	}
	s.wantCharges(t, 1)
}

func cancelsOrConfirms(t *testing.T, s fixture) {
	for n := range 10 {
		before := s.Charges(s.Payable)
		intent := s.mustPrepare(t, s.Payable, fmt.Sprint(n))
		var (
			canceling, confirming error
			both                  sync.WaitGroup
		)
		both.Go(func() { canceling = s.cancel(t, intent, s.Payable) })
		both.Go(func() {
			confirming = s.confirm(t, intent, s.Payable, fmt.Sprint(n, "/confirm"))
		})
		both.Wait()
		want := billing.ErrCanceled
		if s.Charges(s.Payable) > before {
			want = nil
		}
		if !errors.Is(canceling, want) || !errors.Is(confirming, want) {
			t.Errorf("got %v and %v, want both %v", canceling, confirming, want)
		}
	}
}

// This is why the key of a replacement names what it replaces.
func preparesCanceledAgain(t *testing.T, s fixture) {
	canceled := s.mustPrepare(t, s.Payable, "1")
	wantOutcome(t, s.cancel(t, canceled, s.Payable), billing.ErrCanceled)
	if again := s.mustPrepare(t, s.Payable, "1"); again != canceled {
		t.Errorf("got %s under the key of %s", again, canceled)
	}
	s.mustConfirm(t, s.mustPrepare(t, s.Payable, "1/instead-of/"+canceled), s.Payable, "confirm")
	s.wantCharges(t, 1)
}

func losesCancellation(t *testing.T, s fixture) {
	intent := s.mustPrepare(t, s.Payable, "1")
	s.LoseReplies()
	wantOutcome(t, s.cancel(t, intent, s.Payable), billing.ErrUnknown)
	s.Repair()
	wantOutcome(t, s.cancel(t, intent, s.Payable), billing.ErrCanceled)
	s.wantCharges(t, 0)
}

// The subscription has moved to another customer since the PaymentIntent was prepared.
func confirmsForAnother(t *testing.T, s fixture) {
	intent := s.mustPrepare(t, s.Payable, "1")
	moved := s.Payable
	moved.Subscription.Customer = s.Fixed.Subscription.Customer
	moved.Subscription.PaymentMethod = s.Fixed.Subscription.PaymentMethod
	wantOutcome(t, s.confirm(t, intent, moved, "1/confirm"), billing.ErrNotSent)
	s.mustConfirm(t, intent, s.Payable, "2/confirm")
	s.wantCharges(t, 1)
}

func (s fixture) cancel(t *testing.T, intent string, inv billing.Invoice) error {
	t.Helper()
	_, err := s.Intents.Cancel(t.Context(), intent, billing.Request{Invoice: inv})
	return err
}
