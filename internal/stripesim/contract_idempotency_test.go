package stripesim_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stripe/stripe-go/v76"
)

func idempotencyTerms() []term {
	return []term{
		{"a replay is the first reply, byte for byte", replayTerm},
		{"a replayed decline is the first decline", replayedDeclineTerm},
		{"a replay shows the object as it was", replayIsOfThenTerm},
		{"the order of the parameters does not matter to a key", parameterOrderTerm},
		{"a key with other parameters is an idempotency error", otherParametersTerm},
		{"a key at another endpoint is an idempotency error", otherEndpointTerm},
		{"a validation failure does not bind its key", validationTerm},
		{"an unexpected state is saved under its key", savedStateTerm},
		{"a key has at most 255 characters", keyLengthTerm},
		{"a key is ignored on GET and DELETE", keyIgnoredTerm},
		{"without a key, every request executes", noKeyTerm},
		{"a POST with a key has these headers", keyHeadersTerm},
	}
}

func chargeOf(who alice) []string {
	return []string{"amount", "1000", "currency", "usd", "customer", who.customer,
		"payment_method", who.method, "confirm", "true", "off_session", "true",
		"payment_method_types[]", "card", "metadata[period]", "2026-12"}
}

func replayTerm(t *testing.T, s *target) {
	form := chargeOf(s.customer(t, "pm_card_visa"))
	first := s.post(t, t.Name(), "/v1/payment_intents", form...)
	again := s.post(t, t.Name(), "/v1/payment_intents", form...)
	wantReplay(t, first, again, http.StatusOK)
}

func wantReplay(t *testing.T, first, again answer, status int) {
	t.Helper()
	if first.status != status || again.status != status {
		t.Fatalf("got %d, then %d, want %d twice: %s", first.status, again.status, status,
			again.body)
	}
	if first.body != again.body {
		t.Errorf("the replay differs:\n%s\n%s", first.body, again.body)
	}
	if got := again.header.Get("Idempotent-Replayed"); got != "true" {
		t.Errorf("Idempotent-Replayed: %q, want true", got)
	}
	if got := first.header.Get("Idempotent-Replayed"); got != "" {
		t.Errorf("the first answer says Idempotent-Replayed: %q", got)
	}
	original := first.header.Get("Request-Id")
	if got := again.header.Get("Original-Request"); got != original {
		t.Errorf("Original-Request of the replay: %q, want %q", got, original)
	}
	if got := again.header.Get("Request-Id"); got == original || got == "" {
		t.Errorf("Request-Id of the replay: %q, want one of its own", got)
	}
}

func replayedDeclineTerm(t *testing.T, s *target) {
	form := chargeOf(s.customer(t, "pm_card_chargeCustomerFail"))
	first := s.post(t, t.Name(), "/v1/payment_intents", form...)
	again := s.post(t, t.Name(), "/v1/payment_intents", form...)
	wantReplay(t, first, again, http.StatusPaymentRequired)
}

func replayIsOfThenTerm(t *testing.T, s *target) {
	form := chargeOf(s.customer(t, "pm_card_visa"))
	form = append(form, "expand[]", "latest_charge")
	first := s.post(t, t.Name(), "/v1/payment_intents", form...)
	_, rest, _ := strings.Cut(first.body, `"id": "`)
	intent, _, _ := strings.Cut(rest, `"`)
	if _, err := s.api.refunds.New(&stripe.RefundParams{PaymentIntent: &intent}); err != nil {
		t.Fatal(err)
	}
	again := s.post(t, t.Name(), "/v1/payment_intents", form...)
	wantReplay(t, first, again, http.StatusOK)
}

func parameterOrderTerm(t *testing.T, s *target) {
	form := chargeOf(s.customer(t, "pm_card_visa"))
	first := s.post(t, t.Name(), "/v1/payment_intents", form...)
	var reversed []string
	for pair := range slices.Chunk(form, 2) {
		reversed = append(slices.Clone(pair), reversed...)
	}
	again := s.post(t, t.Name(), "/v1/payment_intents", reversed...)
	wantReplay(t, first, again, http.StatusOK)
}

func otherParametersTerm(t *testing.T, s *target) {
	who := s.customer(t, "pm_card_visa")
	if got := s.post(t, t.Name(), "/v1/payment_intents", chargeOf(who)...); got.status != 200 {
		t.Fatalf("got %d: %s", got.status, got.body)
	}
	for name, change := range map[string]func(*stripe.PaymentIntentParams){
		"another amount": func(p *stripe.PaymentIntentParams) { p.Amount = stripe.Int64(2000) },
		"other metadata": func(p *stripe.PaymentIntentParams) {
			p.Metadata["period"] = "2027-01"
		},
		"more metadata":    func(p *stripe.PaymentIntentParams) { p.AddMetadata("server", "b") },
		"a parameter less": func(p *stripe.PaymentIntentParams) { p.Metadata = nil },
		"an expansion":     func(p *stripe.PaymentIntentParams) { p.AddExpand("customer") },
	} {
		params := tenDollars(who, s.named(t.Name()))
		params.Metadata = map[string]string{"period": "2026-12"}
		change(params)
		_, err := s.api.intents.New(params)
		e := stripeError(t, err)
		if e.HTTPStatusCode != http.StatusBadRequest || e.Type != stripe.ErrorTypeIdempotency {
			t.Errorf("with %s: got %d %s, want 400 idempotency_error",
				name, e.HTTPStatusCode, e.Type)
		}
	}
}

func otherEndpointTerm(t *testing.T, s *target) {
	who := s.customer(t, "pm_card_visa")
	i := s.unconfirmed(t, who)
	form := []string{"payment_method", who.method}
	if got := s.post(t, t.Name(), "/v1/payment_intents/"+i.ID, form...); got.status != 200 {
		t.Fatalf("got %d: %s", got.status, got.body)
	}
	params := confirmWith(who.method)
	params.OffSession = nil
	params.SetIdempotencyKey(s.named(t.Name()))
	_, err := s.api.intents.Confirm(i.ID, params)
	e := stripeError(t, err)
	if e.HTTPStatusCode != http.StatusBadRequest || e.Type != stripe.ErrorTypeIdempotency {
		t.Errorf("got %d %s, want 400 idempotency_error", e.HTTPStatusCode, e.Type)
	}
}

func validationTerm(t *testing.T, s *target) {
	form := chargeOf(s.customer(t, "pm_card_visa"))
	bad := append(slices.Clone(form), "bogus", "1")
	if got := s.post(t, t.Name(), "/v1/payment_intents", bad...); got.status != 400 {
		t.Fatalf("got %d, want 400: %s", got.status, got.body)
	}
	good := s.post(t, t.Name(), "/v1/payment_intents", form...)
	if good.status != http.StatusOK || good.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("the same key without the mistake: got %d: %s", good.status, good.body)
	}
}

func savedStateTerm(t *testing.T, s *target) {
	i := s.paid(t, s.customer(t, "pm_card_visa"))
	path := "/v1/payment_intents/" + i.ID + "/confirm"
	first := s.post(t, t.Name(), path)
	again := s.post(t, t.Name(), path)
	wantReplay(t, first, again, http.StatusBadRequest)
}

func keyLengthTerm(t *testing.T, s *target) {
	header := func(n int) []string {
		return []string{"Idempotency-Key", s.run + strings.Repeat("k", n-len(s.run))}
	}
	for length, want := range map[int]int{255: http.StatusOK, 256: http.StatusBadRequest} {
		got := s.send(t, "POST", "/v1/payment_intents", header(length),
			"amount", "1000", "currency", "usd")
		if got.status != want {
			t.Errorf("%d characters: got %d, want %d: %s", length, got.status, want, got.body)
		}
	}
}

func keyIgnoredTerm(t *testing.T, s *target) {
	who := s.customer(t, "pm_card_visa")
	header := []string{"Idempotency-Key", s.named(t.Name())}
	path := "/v1/customers/" + who.customer
	if got := s.send(t, "GET", path, header); got.header.Get("Original-Request") != "" {
		t.Errorf("a GET was taken as a request with a key: %v", got.header)
	}
	if got := s.send(t, "DELETE", path, header); got.status != http.StatusOK {
		t.Fatalf("got %d: %s", got.status, got.body)
	}
	if got := s.send(t, "DELETE", path, header); got.status != http.StatusNotFound {
		t.Errorf("the second DELETE was answered %d, want 404: it was replayed", got.status)
	}
}

func noKeyTerm(t *testing.T, s *target) {
	form := chargeOf(s.customer(t, "pm_card_visa"))
	ids := make(map[string]bool)
	for range 2 {
		got := s.send(t, "POST", "/v1/payment_intents", nil, form...)
		if got.header.Get("Original-Request") != "" || got.header.Get("Idempotency-Key") != "" {
			t.Errorf("a POST without a key has headers of one: %v", got.header)
		}
		ids[got.body] = true
	}
	if len(ids) != 2 {
		t.Error("two requests without a key are one")
	}
}

func keyHeadersTerm(t *testing.T, s *target) {
	good := chargeOf(s.customer(t, "pm_card_visa"))
	declined := chargeOf(s.customer(t, "pm_card_chargeCustomerFail"))
	for name, c := range map[string]struct {
		form  []string
		saved bool
	}{
		"200":         {good, true},
		"402":         {declined, true},
		"not started": {[]string{"amount", "0"}, false},
	} {
		got := s.post(t, t.Name()+name, "/v1/payment_intents", c.form...)
		if h := got.header.Get("Idempotency-Key"); h != s.named(t.Name()+name) {
			t.Errorf("%s: Idempotency-Key: %q", name, h)
		}
		id := got.header.Get("Request-Id")
		if h := got.header.Get("Original-Request"); h != id || id == "" {
			t.Errorf("%s: Original-Request: %q, Request-Id: %q, want the same", name, h, id)
		}
		if h := got.header.Get("Stripe-Should-Retry"); (h == "false") != c.saved {
			t.Errorf("%s: Stripe-Should-Retry: %q", name, h)
		}
	}
}
