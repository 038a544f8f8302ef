package stripesim_test

import (
	"net/http"
	"testing"

	"github.com/stripe/stripe-go/v76"
)

func refusalTerms() []term {
	return []term{
		{"on session, a confirmation names its types or a return_url", onSessionTerm},
		{"setup_future_usage with off_session is refused", setUpOffSessionTerm},
		{"what describes a confirmation needs confirm", confirmationOnlyTerm},
		{"an amount that the currency does not have is refused", amountStepTerm},
		{"an e-mail address that is none is refused", emailTerm},
		{"metadata is counted in characters", metadataCharactersTerm},
		{"any API version is accepted and echoed", versionTerm},
		{"booleans may be written as Python does", pythonBooleanTerm},
		{"with a return_url, next_action redirects", redirectTerm},
	}
}

// refused sends parameters of a PaymentIntent and wants a 400 that contains each text.
func (s *target) refused(t *testing.T, form []string, want ...string) {
	t.Helper()
	got := s.send(t, "POST", "/v1/payment_intents", nil, form...)
	wantAnswer(t, got, http.StatusBadRequest, want...)
}

func (s *target) accepted(t *testing.T, form ...string) {
	t.Helper()
	wantAnswer(t, s.send(t, "POST", "/v1/payment_intents", nil, form...), http.StatusOK)
}

func onSessionTerm(t *testing.T, s *target) {
	form := []string{"amount", "1000", "currency", "usd", "payment_method", "pm_card_visa"}
	confirm := append(form, "confirm", "true")
	s.refused(t, confirm, "return_url")
	s.accepted(t, append(confirm, "return_url", "https://example.com/back")...)
	s.accepted(t, append(confirm, "payment_method_types[]", "card")...)
	s.accepted(t, append(confirm, "automatic_payment_methods[enabled]", "true",
		"automatic_payment_methods[allow_redirects]", "never")...)

	i, err := s.api.intents.New(&stripe.PaymentIntentParams{Amount: stripe.Int64(1000),
		Currency: stripe.String("usd"), PaymentMethod: stripe.String("pm_card_visa")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.api.intents.Confirm(i.ID, nil)
	wantProblem(t, err, invalid("", ""))
	_, err = s.api.intents.Confirm(i.ID, &stripe.PaymentIntentConfirmParams{
		ReturnURL: stripe.String("https://example.com/back")})
	if err != nil {
		t.Error(err)
	}
}

func setUpOffSessionTerm(t *testing.T, s *target) {
	params := tenDollars(s.customer(t, "pm_card_visa"), "")
	params.SetupFutureUsage = stripe.String("off_session")
	_, err := s.api.intents.New(params)
	wantProblem(t, err, invalid("", "setup_future_usage"))
}

func confirmationOnlyTerm(t *testing.T, s *target) {
	form := []string{"amount", "1000", "currency", "usd"}
	s.refused(t, append(form, "return_url", "https://example.com/back"), `"param": "return_url"`)
	s.refused(t, append(form, "error_on_requires_action", "true"),
		`"param": "error_on_requires_action"`)
}

func amountStepTerm(t *testing.T, s *target) {
	for _, c := range []struct{ currency, bad, good string }{
		{"kwd", "5124", "5120"}, {"ugx", "550050", "550000"}, {"isk", "50050", "50000"},
	} {
		s.refused(t, []string{"currency", c.currency, "amount", c.bad}, `"param": "amount"`)
		s.accepted(t, "currency", c.currency, "amount", c.good)
	}
}

func emailTerm(t *testing.T, s *target) {
	s.refused(t, []string{"amount", "1000", "currency", "usd", "receipt_email", "alice"},
		`"code": "email_invalid"`, `"param": "receipt_email"`)
	got := s.send(t, "POST", "/v1/customers", nil, "email", "alice at example.com")
	wantAnswer(t, got, http.StatusBadRequest, `"code": "email_invalid"`)
}

func metadataCharactersTerm(t *testing.T, s *target) {
	word := func(n int) string { return string([]rune(ring)[:n]) }
	form := []string{"amount", "1000", "currency", "usd"}
	s.accepted(t, append(form, "metadata["+word(40)+"]", "é")...)
	s.refused(t, append(form, "metadata["+word(41)+"]", "é"), "40")
}

// ring is 41 characters of two bytes.
const ring = "ååååååååååååååååååååååååååååååååååååååååå"

func versionTerm(t *testing.T, s *target) {
	for _, version := range []string{"2020-08-27", "2025-09-30.clover"} {
		got := s.send(t, "GET", "/v1/balance", []string{"Stripe-Version", version})
		wantAnswer(t, got, http.StatusOK)
		if echo := got.header.Get("Stripe-Version"); echo != version {
			t.Errorf("version %s is echoed as %q", version, echo)
		}
	}
}

func pythonBooleanTerm(t *testing.T, s *target) {
	who := s.customer(t, "pm_card_visa")
	got := s.send(t, "POST", "/v1/payment_intents", nil, "amount", "1000", "currency", "usd",
		"customer", who.customer, "payment_method", who.method, "confirm", "True",
		"off_session", "True")
	wantAnswer(t, got, http.StatusOK, `"status": "succeeded"`)
}

func redirectTerm(t *testing.T, s *target) {
	got := s.send(t, "POST", "/v1/payment_intents", nil, "amount", "1000", "currency", "usd",
		"payment_method", "pm_card_authenticationRequired", "confirm", "true",
		"return_url", "https://example.com/back")
	wantAnswer(t, got, http.StatusOK, `"type": "redirect_to_url"`, "https://example.com/back")
}
