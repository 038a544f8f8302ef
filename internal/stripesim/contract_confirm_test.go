package stripesim_test

import (
	"errors"
	"net/http"
	"sync"
	"testing"

	"github.com/stripe/stripe-go/v76"
)

func confirmTerms() []term {
	return []term{
		{"a confirmation takes the money of a PaymentIntent", confirmTerm},
		{"a second confirmation is refused: it already succeeded", confirmAgainTerm},
		{"two confirmations at once take the money once", confirmTwiceAtOnceTerm},
		{"a confirmation without a payment method is refused", confirmNothingTerm},
		{"after a decline another card pays the same PaymentIntent", declinedThenFixedTerm},
		{"a card that requires authentication waits for it", requiresActionTerm},
	}
}

func confirmTerm(t *testing.T, s *target) {
	who := s.customer(t, "pm_card_visa")
	i, err := s.api.intents.Confirm(s.unconfirmed(t, who).ID, confirmWith(who.method))
	if err != nil {
		t.Fatal(err)
	}
	if i.Status != stripe.PaymentIntentStatusSucceeded || i.AmountReceived != 1000 ||
		i.PaymentMethod.ID != who.method {
		t.Errorf("status %s, %d received, from %s", i.Status, i.AmountReceived, i.PaymentMethod.ID)
	}
}

func confirmAgainTerm(t *testing.T, s *target) {
	who := s.customer(t, "pm_card_visa")
	i := s.paid(t, who)
	_, err := s.api.intents.Confirm(i.ID, confirmWith(who.method))
	e := wantProblem(t, err, invalid(stripe.ErrorCodePaymentIntentUnexpectedState, ""))
	if e.PaymentIntent == nil || e.PaymentIntent.ID != i.ID ||
		e.PaymentIntent.Status != stripe.PaymentIntentStatusSucceeded {
		t.Errorf("error.payment_intent is %+v, want the one that succeeded", e.PaymentIntent)
	}
	if n := s.chargesOf(t, i.ID); n != 1 {
		t.Errorf("%d charges, want 1", n)
	}
}

// chargesOf counts the charges of a PaymentIntent that took money.
func (s *target) chargesOf(t *testing.T, intent string) int {
	t.Helper()
	n, _ := s.attemptsOf(t, intent)
	return n
}

// attemptsOf counts its charges, those that took money and those that failed.
func (s *target) attemptsOf(t *testing.T, intent string) (paid, failed int) {
	t.Helper()
	list := s.api.charges.List(&stripe.ChargeListParams{PaymentIntent: stripe.String(intent)})
	for list.Next() {
		if list.Charge().Paid {
			paid++
		} else {
			failed++
		}
	}
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	return paid, failed
}

func confirmTwiceAtOnceTerm(t *testing.T, s *target) {
	who := s.customer(t, "pm_card_visa")
	i := s.unconfirmed(t, who)
	const callers = 3
	answers := make([]error, callers)
	var group sync.WaitGroup
	for n := range callers {
		group.Go(func() { _, answers[n] = s.api.intents.Confirm(i.ID, confirmWith(who.method)) })
	}
	group.Wait()
	succeeded := 0
	for _, err := range answers {
		var e *stripe.Error
		switch {
		case err == nil:
			succeeded++
		case !errors.As(err, &e):
			t.Error(err)
		case e.Code != stripe.ErrorCodePaymentIntentUnexpectedState &&
			e.Code != stripe.ErrorCodeLockTimeout:
			t.Errorf("got %s, want payment_intent_unexpected_state or lock_timeout", e.Code)
		}
	}
	if succeeded != 1 {
		t.Errorf("%d confirmations succeeded, want 1", succeeded)
	}
	if n := s.chargesOf(t, i.ID); n != 1 {
		t.Errorf("%d charges, want 1", n)
	}
}

func confirmNothingTerm(t *testing.T, s *target) {
	i := s.unconfirmed(t, s.customer(t, "pm_card_visa"))
	_, err := s.api.intents.Confirm(i.ID, nil)
	wantProblem(t, err, invalid(stripe.ErrorCodePaymentIntentUnexpectedState, ""))
}

func declinedThenFixedTerm(t *testing.T, s *target) {
	who := s.customer(t, "pm_card_chargeCustomerFail")
	i := s.unconfirmed(t, who)
	_, err := s.api.intents.Confirm(i.ID, confirmWith(who.method))
	if e := stripeError(t, err); e.HTTPStatusCode != http.StatusPaymentRequired {
		t.Fatalf("got %d, want 402", e.HTTPStatusCode)
	}
	good, err := s.api.methods.Attach("pm_card_visa", &stripe.PaymentMethodAttachParams{
		Customer: stripe.String(who.customer),
	})
	if err != nil {
		t.Fatal(err)
	}
	i, err = s.api.intents.Confirm(i.ID, confirmWith(good.ID))
	if err != nil {
		t.Fatal(err)
	}
	if i.Status != stripe.PaymentIntentStatusSucceeded || i.LastPaymentError != nil {
		t.Errorf("status %s, last error %v", i.Status, i.LastPaymentError)
	}
	if paid, failed := s.attemptsOf(t, i.ID); paid != 1 || failed != 1 {
		t.Errorf("%d charges took money and %d failed, want 1 and 1", paid, failed)
	}
}

func requiresActionTerm(t *testing.T, s *target) {
	who := s.customer(t, "pm_card_authenticationRequired")
	params := confirmWith(who.method)
	params.OffSession = nil
	i, err := s.api.intents.Confirm(s.unconfirmed(t, who).ID, params)
	if err != nil {
		t.Fatal(err)
	}
	if i.Status != stripe.PaymentIntentStatusRequiresAction || i.NextAction == nil {
		t.Errorf("status %s, next action %v", i.Status, i.NextAction)
	}
}
