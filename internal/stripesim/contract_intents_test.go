package stripesim_test

import (
	"strings"
	"testing"

	"github.com/stripe/stripe-go/v76"
)

func intentTerms() []term {
	return []term{
		{"a new PaymentIntent requires a payment method", createdTerm},
		{"with a payment method it requires confirmation", createdWithMethodTerm},
		{"create and confirm takes the money", createAndConfirmTerm},
		{"capture_method is automatic by default", captureMethodTerm},
		{"manual capture authorizes, then takes", manualCaptureTerm},
		{"a capture may be partial, but not too large", partialCaptureTerm},
		{"a canceled PaymentIntent stays canceled", cancelTerm},
		{"canceling an authorization releases it", cancelAuthorizationTerm},
		{"a PaymentIntent that succeeded cannot be canceled or captured", succeededIsFinalTerm},
		{"a PaymentIntent can be updated before it is charged", updateTerm},
		{"after success, only metadata and the like can be updated", updateAfterTerm},
		{"metadata merges, and an empty value deletes", metadataTerm},
		{"off_session without confirm is refused", offSessionTerm},
		{"a payment method of another customer is refused", strangersMethodTerm},
		{"a payment method without a customer pays once", payOnceTerm},
		{"setup_future_usage saves the card", futureUsageTerm},
	}
}

func createdTerm(t *testing.T, s *target) {
	i := s.unconfirmed(t, s.customer(t, "pm_card_visa"))
	if i.Status != stripe.PaymentIntentStatusRequiresPaymentMethod {
		t.Errorf("status %s, want requires_payment_method", i.Status)
	}
	if i.LatestCharge != nil || i.AmountReceived != 0 || i.PaymentMethod != nil {
		t.Errorf("it has a charge, money or a card already: %+v", i)
	}
	if !strings.HasPrefix(i.ClientSecret, i.ID+"_secret_") {
		t.Errorf("client_secret %q does not begin with the id", i.ClientSecret)
	}
}

func createdWithMethodTerm(t *testing.T, s *target) {
	params := tenDollars(s.customer(t, "pm_card_visa"), "")
	params.Confirm, params.OffSession = nil, nil
	i, err := s.api.intents.New(params)
	if err != nil {
		t.Fatal(err)
	}
	if i.Status != stripe.PaymentIntentStatusRequiresConfirmation {
		t.Errorf("status %s, want requires_confirmation", i.Status)
	}
}

func createAndConfirmTerm(t *testing.T, s *target) {
	who := s.customer(t, "pm_card_visa")
	i := s.paid(t, who)
	if i.Status != stripe.PaymentIntentStatusSucceeded || i.AmountReceived != 1000 {
		t.Errorf("status %s, %d received, want succeeded and 1000", i.Status, i.AmountReceived)
	}
	if i.LatestCharge == nil || !strings.HasPrefix(i.LatestCharge.ID, "ch_") {
		t.Fatalf("latest_charge is %+v", i.LatestCharge)
	}
	if i.LatestCharge.Amount != 0 {
		t.Error("latest_charge is expanded, though nobody asked")
	}
	c, err := s.api.charges.Get(i.LatestCharge.ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Paid || !c.Captured || c.AmountCaptured != 1000 || c.Customer.ID != who.customer ||
		c.PaymentIntent.ID != i.ID || c.Metadata["period"] != "2026-12" {
		t.Errorf("the charge is %+v", c)
	}
}

func captureMethodTerm(t *testing.T, s *target) {
	i := s.unconfirmed(t, s.customer(t, "pm_card_visa"))
	if i.CaptureMethod != stripe.PaymentIntentCaptureMethodAutomatic {
		t.Errorf("capture_method %s, want automatic", i.CaptureMethod)
	}
}

// authorized makes a PaymentIntent that reserved $10.
func (s *target) authorized(t *testing.T) *stripe.PaymentIntent {
	t.Helper()
	params := tenDollars(s.customer(t, "pm_card_visa"), "")
	params.CaptureMethod = stripe.String("manual")
	i, err := s.api.intents.New(params)
	if err != nil {
		t.Fatal(err)
	}
	if i.Status != stripe.PaymentIntentStatusRequiresCapture || i.AmountReceived != 0 ||
		i.AmountCapturable != 1000 {
		t.Fatalf("status %s, %d received, %d capturable, want requires_capture, 0 and 1000",
			i.Status, i.AmountReceived, i.AmountCapturable)
	}
	return i
}

func manualCaptureTerm(t *testing.T, s *target) {
	i := s.authorized(t)
	c, err := s.api.charges.Get(i.LatestCharge.ID, nil)
	if err != nil || c.Captured || c.AmountCaptured != 0 || c.BalanceTransaction != nil {
		t.Errorf("the authorized charge is %+v, %v", c, err)
	}
	i, err = s.api.intents.Capture(i.ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	if i.Status != stripe.PaymentIntentStatusSucceeded || i.AmountReceived != 1000 ||
		i.AmountCapturable != 0 {
		t.Errorf("status %s, %d received, %d capturable", i.Status, i.AmountReceived,
			i.AmountCapturable)
	}
}

func partialCaptureTerm(t *testing.T, s *target) {
	i := s.authorized(t)
	_, err := s.api.intents.Capture(i.ID, &stripe.PaymentIntentCaptureParams{
		AmountToCapture: stripe.Int64(1001),
	})
	e := wantProblem(t, err, invalid(stripe.ErrorCodeAmountTooLarge, ""))
	if e.PaymentIntent == nil || e.PaymentIntent.ID != i.ID {
		t.Errorf("error.payment_intent is %+v", e.PaymentIntent)
	}
	i, err = s.api.intents.Capture(i.ID, &stripe.PaymentIntentCaptureParams{
		AmountToCapture: stripe.Int64(400),
	})
	if err != nil || i.AmountReceived != 400 {
		t.Fatalf("got %+v, %v, want 400 received", i, err)
	}
	c, err := s.api.charges.Get(i.LatestCharge.ID, nil)
	if err != nil || c.AmountCaptured != 400 || c.AmountRefunded != 0 || c.Refunded {
		t.Errorf("the charge is %+v, %v, want 400 captured, nothing refunded", c, err)
	}
	_, err = s.refund(t, c.ID, 401)
	wantProblem(t, err, invalid("", "amount"))
	if _, err := s.refund(t, c.ID, 400); err != nil {
		t.Error(err)
	}
	if c, err := s.api.charges.Get(c.ID, nil); err != nil || !c.Refunded {
		t.Errorf("all that was captured is refunded, but the charge is %+v, %v", c, err)
	}
}

func cancelTerm(t *testing.T, s *target) {
	who := s.customer(t, "pm_card_visa")
	i, err := s.api.intents.Cancel(s.unconfirmed(t, who).ID, &stripe.PaymentIntentCancelParams{
		CancellationReason: stripe.String("abandoned"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if i.Status != stripe.PaymentIntentStatusCanceled || i.CanceledAt == 0 ||
		i.CancellationReason != stripe.PaymentIntentCancellationReasonAbandoned {
		t.Errorf("status %s, canceled at %d for %q", i.Status, i.CanceledAt, i.CancellationReason)
	}
	_, err = s.api.intents.Confirm(i.ID, confirmWith(who.method))
	wantProblem(t, err, invalid(stripe.ErrorCodePaymentIntentUnexpectedState, ""))
	_, err = s.api.intents.Cancel(i.ID, nil)
	wantProblem(t, err, invalid(stripe.ErrorCodePaymentIntentUnexpectedState, ""))
}

func cancelAuthorizationTerm(t *testing.T, s *target) {
	i, err := s.api.intents.Cancel(s.authorized(t).ID, nil)
	if err != nil || i.Status != stripe.PaymentIntentStatusCanceled || i.AmountCapturable != 0 {
		t.Fatalf("got %+v, %v", i, err)
	}
	c, err := s.api.charges.Get(i.LatestCharge.ID, nil)
	if err != nil || !c.Refunded || c.AmountRefunded != 1000 {
		t.Errorf("the charge is %+v, %v, want it refunded", c, err)
	}
}

func succeededIsFinalTerm(t *testing.T, s *target) {
	i := s.paid(t, s.customer(t, "pm_card_visa"))
	_, err := s.api.intents.Cancel(i.ID, nil)
	wantProblem(t, err, invalid(stripe.ErrorCodePaymentIntentUnexpectedState, ""))
	_, err = s.api.intents.Capture(i.ID, nil)
	wantProblem(t, err, invalid(stripe.ErrorCodePaymentIntentUnexpectedState, ""))
}

func updateTerm(t *testing.T, s *target) {
	who := s.customer(t, "pm_card_visa")
	i, err := s.api.intents.Update(s.unconfirmed(t, who).ID, &stripe.PaymentIntentParams{
		Amount: stripe.Int64(2000), PaymentMethod: stripe.String(who.method),
		Description: stripe.String("two months"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if i.Amount != 2000 || i.Description != "two months" ||
		i.Status != stripe.PaymentIntentStatusRequiresConfirmation {
		t.Errorf("got amount %d, %q, %s", i.Amount, i.Description, i.Status)
	}
}

func updateAfterTerm(t *testing.T, s *target) {
	i := s.paid(t, s.customer(t, "pm_card_visa"))
	_, err := s.api.intents.Update(i.ID, &stripe.PaymentIntentParams{Amount: stripe.Int64(2000)})
	e := wantProblem(t, err, invalid(stripe.ErrorCodePaymentIntentUnexpectedState, "amount"))
	if e.PaymentIntent == nil || e.PaymentIntent.Status != stripe.PaymentIntentStatusSucceeded {
		t.Errorf("error.payment_intent is %+v", e.PaymentIntent)
	}
	params := &stripe.PaymentIntentParams{Description: stripe.String("paid")}
	if i, err := s.api.intents.Update(i.ID, params); err != nil || i.Description != "paid" {
		t.Errorf("got %+v, %v", i, err)
	}
}

func metadataTerm(t *testing.T, s *target) {
	i := s.unconfirmed(t, s.customer(t, "pm_card_visa"))
	for _, step := range []struct{ send, want map[string]string }{
		{map[string]string{"a": "1", "b": "2"}, map[string]string{"a": "1", "b": "2"}},
		{map[string]string{"b": "3", "c": "4"}, map[string]string{"a": "1", "b": "3", "c": "4"}},
		{map[string]string{"a": ""}, map[string]string{"b": "3", "c": "4"}},
	} {
		got, err := s.api.intents.Update(i.ID, &stripe.PaymentIntentParams{Metadata: step.send})
		if err != nil {
			t.Fatal(err)
		}
		if !sameMap(got.Metadata, step.want) {
			t.Errorf("after %v: got %v, want %v", step.send, got.Metadata, step.want)
		}
	}
	all := s.send(t, "POST", "/v1/payment_intents/"+i.ID, nil, "metadata", "")
	if !strings.Contains(all.body, `"metadata": {}`) {
		t.Errorf("metadata sent empty leaves %s", all.body)
	}
}

func sameMap(a, b map[string]string) bool {
	for k := range a {
		if a[k] != b[k] {
			return false
		}
	}
	return len(a) == len(b)
}

func offSessionTerm(t *testing.T, s *target) {
	params := tenDollars(s.customer(t, "pm_card_visa"), "")
	params.Confirm = nil
	_, err := s.api.intents.New(params)
	wantProblem(t, err, invalid("", "off_session"))
}

func strangersMethodTerm(t *testing.T, s *target) {
	who, other := s.customer(t, "pm_card_visa"), s.customer(t, "pm_card_visa")
	_, err := s.api.intents.New(tenDollars(alice{who.customer, other.method}, ""))
	e := wantProblem(t, err, invalid("", "payment_method"))
	if e.PaymentIntent == nil {
		t.Error("error.payment_intent is missing")
	}
	params := tenDollars(other, "")
	params.Customer = nil
	_, err = s.api.intents.New(params)
	wantProblem(t, err, invalid(stripe.ErrorCodeParameterMissing, "customer"))
}

func payOnceTerm(t *testing.T, s *target) {
	m, err := s.api.methods.Get("pm_card_visa", nil)
	if err != nil {
		t.Fatal(err)
	}
	params := &stripe.PaymentIntentParams{
		Amount: stripe.Int64(1000), Currency: stripe.String("usd"), Confirm: stripe.Bool(true),
		PaymentMethod:      stripe.String(m.ID),
		PaymentMethodTypes: stripe.StringSlice([]string{"card"}),
	}
	if _, err := s.api.intents.New(params); err != nil {
		t.Fatal(err)
	}
	params.IdempotencyKey = nil
	_, err = s.api.intents.New(params)
	if e := stripeError(t, err); e.HTTPStatusCode != 400 {
		t.Errorf("the second payment got %d, want 400", e.HTTPStatusCode)
	}
}

func futureUsageTerm(t *testing.T, s *target) {
	who := s.customer(t, "pm_card_visa")
	i, err := s.api.intents.New(&stripe.PaymentIntentParams{
		Amount: stripe.Int64(1000), Currency: stripe.String("usd"), Confirm: stripe.Bool(true),
		Customer: stripe.String(who.customer), PaymentMethod: stripe.String("pm_card_mastercard"),
		PaymentMethodTypes: stripe.StringSlice([]string{"card"}),
		SetupFutureUsage:   stripe.String("off_session"),
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.api.methods.Get(i.PaymentMethod.ID, nil)
	if err != nil || m.Customer == nil || m.Customer.ID != who.customer {
		t.Errorf("the card is %+v, %v, want it saved for %s", m, err, who.customer)
	}
}
