package stripesim_test

import (
	"net/http"
	"testing"

	"github.com/stripe/stripe-go/v76"
)

func declineTerms() []term {
	return []term{
		{"a decline has its code, charge and PaymentIntent", declineTerm},
		{"every declining card has its codes", declineCodesTerm},
		{"a card that declines fails when it is attached", attachDeclinedTerm},
		{"off session, a card that needs authentication is declined", offSessionAuthenticationTerm},
		{"off session, a card that was set up before pays", setUpBeforeTerm},
	}
}

func declineTerm(t *testing.T, s *target) {
	who := s.customer(t, "pm_card_chargeCustomerFail")
	_, err := s.api.intents.New(tenDollars(who, ""))
	e := wantProblem(t, err, problem{http.StatusPaymentRequired, stripe.ErrorTypeCard,
		stripe.ErrorCodeCardDeclined, ""})
	if e.DeclineCode != "generic_decline" || e.ChargeID == "" || e.DocURL == "" {
		t.Errorf("decline_code %q, charge %q, doc_url %q", e.DeclineCode, e.ChargeID, e.DocURL)
	}
	i := e.PaymentIntent
	if i == nil {
		t.Fatal("there is no error.payment_intent")
	}
	if i.Status != stripe.PaymentIntentStatusRequiresPaymentMethod || i.PaymentMethod != nil ||
		i.LatestCharge.ID != e.ChargeID {
		t.Errorf("error.payment_intent is %+v", i)
	}
	if last := i.LastPaymentError; last == nil || last.Code != stripe.ErrorCodeCardDeclined ||
		last.PaymentMethod == nil || last.PaymentMethod.ID != who.method {
		t.Errorf("last_payment_error is %+v", last)
	}
	c, err := s.api.charges.Get(e.ChargeID, nil)
	if err != nil || c.Paid || c.Status != stripe.ChargeStatusFailed ||
		c.FailureCode != "card_declined" || c.AmountCaptured != 0 {
		t.Errorf("the charge is %+v, %v", c, err)
	}
}

func declineCodesTerm(t *testing.T, s *target) {
	for card, want := range map[string]struct {
		code    stripe.ErrorCode
		decline stripe.DeclineCode
	}{
		"pm_card_visa_chargeDeclined":             {"card_declined", "generic_decline"},
		"pm_card_chargeDeclined":                  {"card_declined", "generic_decline"},
		"pm_card_chargeDeclinedInsufficientFunds": {"card_declined", "insufficient_funds"},
		"pm_card_visa_chargeDeclinedLostCard":     {"card_declined", "lost_card"},
		"pm_card_visa_chargeDeclinedStolenCard":   {"card_declined", "stolen_card"},
		"pm_card_chargeDeclinedExpiredCard":       {"expired_card", ""},
		"pm_card_chargeDeclinedIncorrectCvc":      {"incorrect_cvc", ""},
		"pm_card_chargeDeclinedProcessingError":   {"processing_error", ""},
		"pm_card_visa_chargeDeclinedExpiredCard":  {"expired_card", ""},
		"pm_card_chargeDeclinedFraudulent":        {"card_declined", "fraudulent"},
		"pm_card_visa_chargeDeclinedIncorrectCvc": {"incorrect_cvc", ""},
		"pm_card_visa_chargeDeclinedInsufficientFunds": {
			"card_declined", "insufficient_funds"},
		"pm_card_visa_chargeDeclinedVelocityLimitExceeded": {
			"card_declined", "card_velocity_exceeded"},
	} {
		_, err := s.api.intents.New(&stripe.PaymentIntentParams{
			Amount: stripe.Int64(1000), Currency: stripe.String("usd"),
			Confirm: stripe.Bool(true), PaymentMethod: stripe.String(card),
			PaymentMethodTypes: stripe.StringSlice([]string{"card"}),
		})
		e := stripeError(t, err)
		if e.HTTPStatusCode != http.StatusPaymentRequired || e.Code != want.code ||
			e.DeclineCode != want.decline {
			t.Errorf("%s: got %d %s %q, want 402 %s %q", card, e.HTTPStatusCode, e.Code,
				e.DeclineCode, want.code, want.decline)
		}
	}
}

func attachDeclinedTerm(t *testing.T, s *target) {
	who := s.customer(t, "pm_card_chargeCustomerFail") // which can be attached
	_, err := s.api.methods.Attach("pm_card_chargeDeclined", &stripe.PaymentMethodAttachParams{
		Customer: stripe.String(who.customer),
	})
	wantProblem(t, err, problem{http.StatusPaymentRequired, stripe.ErrorTypeCard,
		stripe.ErrorCodeCardDeclined, ""})
}

func offSessionAuthenticationTerm(t *testing.T, s *target) {
	for _, card := range []string{
		"pm_card_authenticationRequired", "pm_card_authenticationRequiredOnSetup",
		"pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
		"pm_card_threeDSecure2Required", "pm_card_threeDSecureRequiredChargeDeclined",
	} {
		_, err := s.api.intents.New(tenDollars(s.customer(t, card), ""))
		e := wantProblem(t, err, problem{http.StatusPaymentRequired, stripe.ErrorTypeCard,
			stripe.ErrorCodeAuthenticationRequired, ""})
		if e.PaymentIntent == nil ||
			e.PaymentIntent.Status != stripe.PaymentIntentStatusRequiresPaymentMethod {
			t.Errorf("%s: error.payment_intent is %+v", card, e.PaymentIntent)
		}
		if e.ChargeID != "" || e.PaymentIntent != nil && e.PaymentIntent.LatestCharge != nil {
			t.Errorf("%s: there is a charge %q, want none: nothing was authenticated", card,
				e.ChargeID)
		}
	}
}

func setUpBeforeTerm(t *testing.T, s *target) {
	const card = "pm_card_authenticationRequiredSetupForOffSession"
	s.paid(t, s.customer(t, card))
	on := tenDollars(s.customer(t, card), "")
	on.OffSession = nil
	i, err := s.api.intents.New(on)
	if err != nil || i.Status != stripe.PaymentIntentStatusRequiresAction {
		t.Errorf("on session, got %+v, %v, want it to wait for authentication", i, err)
	}
	s.paid(t, s.customer(t, "pm_card_threeDSecureOptional"))
}
