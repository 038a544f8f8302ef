package stripesim_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stripe/stripe-go/v76"
)

func parameterTerms() []term {
	return []term{
		{"invalid amounts are refused", amountTerm},
		{"the error names an unknown, missing or empty parameter", wrongParametersTerm},
		{"an unknown currency is refused", currencyTerm},
		{"brackets nest parameters", nestingTerm},
		{"a body that is not a form is refused", notAFormTerm},
	}
}

// wantAnswer checks the error in an answer on the wire.
func wantAnswer(t *testing.T, got answer, status int, fragments ...string) {
	t.Helper()
	if got.status != status {
		t.Errorf("got %d, want %d: %s", got.status, status, got.body)
	}
	for _, f := range fragments {
		if !strings.Contains(got.body, f) {
			t.Errorf("%s is not in %s", f, got.body)
		}
	}
}

func amountTerm(t *testing.T, s *target) {
	for amount, code := range map[string]stripe.ErrorCode{
		"0":         stripe.ErrorCodeParameterInvalidInteger,
		"-5":        stripe.ErrorCodeParameterInvalidInteger,
		"10.5":      stripe.ErrorCodeParameterInvalidInteger,
		"ten":       stripe.ErrorCodeParameterInvalidInteger,
		"49":        stripe.ErrorCodeAmountTooSmall,
		"100000000": stripe.ErrorCodeAmountTooLarge,
	} {
		got := s.send(t, "POST", "/v1/payment_intents", nil, "amount", amount, "currency", "usd")
		wantAnswer(t, got, http.StatusBadRequest, `"code": "`+string(code)+`"`,
			`"param": "amount"`, `"type": "invalid_request_error"`)
	}
}

func wrongParametersTerm(t *testing.T, s *target) {
	good := []string{"amount", "1000", "currency", "usd"}
	for name, c := range map[string]struct {
		form        []string
		code, param string
	}{
		"unknown": {append(good, "bogus", "1"), "parameter_unknown", "bogus"},
		"unknown and nested": {append(good, "shipping[bogus]", "1"), "parameter_unknown",
			"shipping[bogus]"},
		"missing": {[]string{"amount", "1000"}, "parameter_missing", "currency"},
		"empty":   {append(good, "customer", ""), "parameter_invalid_empty", "customer"},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.send(t, "POST", "/v1/payment_intents", nil, c.form...)
			wantAnswer(t, got, http.StatusBadRequest, `"code": "`+c.code+`"`,
				`"param": "`+c.param+`"`,
				`"doc_url": "https://stripe.com/docs/error-codes/`+
					strings.ReplaceAll(c.code, "_", "-"))
		})
	}
}

func currencyTerm(t *testing.T, s *target) {
	got := s.send(t, "POST", "/v1/payment_intents", nil, "amount", "1000", "currency", "dollar")
	wantAnswer(t, got, http.StatusBadRequest, `"param": "currency"`)
	got = s.send(t, "POST", "/v1/payment_intents", nil, "amount", "1000", "currency", "EUR")
	wantAnswer(t, got, http.StatusOK, `"currency": "eur"`)
}

func nestingTerm(t *testing.T, s *target) {
	for _, types := range []string{"payment_method_types[]", "payment_method_types[0]"} {
		got := s.send(t, "POST", "/v1/payment_intents", nil, "amount", "1000", "currency", "usd",
			types, "card", "metadata[a b]", "ü&=%", "shipping[address][line1]", "1 Main Street",
			"shipping[name]", "Alice")
		wantAnswer(t, got, http.StatusOK, `"a b": "ü&=%"`, `"line1": "1 Main Street"`)
	}
}

func notAFormTerm(t *testing.T, s *target) {
	header := []string{"Content-Type", "application/json"}
	got := s.send(t, "POST", "/v1/payment_intents", header, "amount", "1000", "currency", "usd")
	wantAnswer(t, got, http.StatusBadRequest, "invalid_request_error")
}

func identityTerms() []term {
	return []term{
		{"without a valid API key, the reply is 401", unauthorizedTerm},
		{"every other reply has a request id and the version", requestIDTerm},
		{"an unknown id in a path is 404", unknownInPathTerm},
		{"an unknown id in a parameter is 400", unknownInParameterTerm},
		{"an unknown route is a 404 in JSON", unknownRouteTerm},
		{"bodies are pretty-printed, id and object first", prettyTerm},
		{"the secret key may be the user of basic authentication", basicTerm},
	}
}

func unauthorizedTerm(t *testing.T, s *target) {
	for name, header := range map[string]string{
		"none": "", "bad": "Bearer sk_bad", "publishable": "Bearer pk_test_x", "digest": "Digest x",
	} {
		got := s.send(t, "GET", "/v1/balance", []string{"Authorization", header})
		wantAnswer(t, got, http.StatusUnauthorized, `"type": "invalid_request_error"`)
		if strings.Contains(got.body, `"code"`) {
			t.Errorf("%s: the error has a code: %s", name, got.body)
		}
		if h := got.header.Get("WWW-Authenticate"); h != `Bearer realm="Stripe"` {
			t.Errorf("%s: WWW-Authenticate: %q", name, h)
		}
		if got.header.Get("Request-Id")+got.header.Get("Stripe-Version") != "" {
			t.Errorf("%s: there is a request id or a version: %v", name, got.header)
		}
	}
}

func requestIDTerm(t *testing.T, s *target) {
	for path, status := range map[string]int{
		"/v1/balance": 200, "/v1/charges/x": 404, "/v1/x": 404,
	} {
		got := s.send(t, "GET", path, []string{"Stripe-Version", "2023-10-16"})
		if got.status != status || !strings.HasPrefix(got.header.Get("Request-Id"), "req_") ||
			got.header.Get("Stripe-Version") != "2023-10-16" {
			t.Errorf("%s: %d %v", path, got.status, got.header)
		}
	}
}

func unknownInPathTerm(t *testing.T, s *target) {
	for path, message := range map[string]string{
		"/v1/customers/cus_x":                 "No such customer: 'cus_x'",
		"/v1/payment_methods/pm_x":            "No such PaymentMethod: 'pm_x'",
		"/v1/payment_intents/pi_x":            "No such payment_intent: 'pi_x'",
		"/v1/charges/ch_x":                    "No such charge: 'ch_x'",
		"/v1/refunds/re_x":                    "No such refund: 're_x'",
		"/v1/balance_transactions/txn_x":      "No such balance transaction: 'txn_x'",
		"/v1/events/evt_x":                    "No such event: 'evt_x'",
		"/v1/customers/cus_x/payment_methods": "No such customer: 'cus_x'",
	} {
		got := s.send(t, "GET", path, nil)
		wantAnswer(t, got, http.StatusNotFound, `"code": "resource_missing"`, message)
	}
	who := s.customer(t, "pm_card_visa")
	got := s.send(t, "POST", "/v1/payment_methods/pm_x/attach", nil, "customer", who.customer)
	wantAnswer(t, got, http.StatusNotFound, `"code": "resource_missing"`)
}

func unknownInParameterTerm(t *testing.T, s *target) {
	_, err := s.api.intents.New(tenDollars(alice{"cus_x", "pm_x"}, ""))
	wantProblem(t, err, invalid(stripe.ErrorCodeResourceMissing, "customer"))
	who := s.customer(t, "pm_card_visa")
	_, err = s.api.intents.New(tenDollars(alice{who.customer, "pm_x"}, ""))
	wantProblem(t, err, invalid(stripe.ErrorCodeResourceMissing, "payment_method"))
	_, err = s.api.refunds.New(&stripe.RefundParams{Charge: stripe.String("ch_x")})
	wantProblem(t, err, problem{http.StatusNotFound, stripe.ErrorTypeInvalidRequest,
		stripe.ErrorCodeResourceMissing, "id"})
}

func unknownRouteTerm(t *testing.T, s *target) {
	for _, c := range [][2]string{
		{"GET", "/v1/x"}, {"GET", "/"}, {"DELETE", "/v1/payment_intents"}, {"PUT", "/v1/customers"},
		{"GET", "/v1/customers/"},
	} {
		got := s.send(t, c[0], c[1], nil)
		wantAnswer(t, got, http.StatusNotFound,
			"Unrecognized request URL ("+c[0]+": "+c[1]+")", `"type": "invalid_request_error"`)
		if h := got.header.Get("Content-Type"); !strings.HasPrefix(h, "application/json") {
			t.Errorf("%v: Content-Type %q", c, h)
		}
	}
}

func prettyTerm(t *testing.T, s *target) {
	got := s.send(t, "POST", "/v1/payment_intents", nil, "amount", "1000", "currency", "usd")
	if !strings.HasPrefix(got.body, "{\n  \"id\": \"pi_") ||
		!strings.Contains(got.body,
			"\",\n  \"object\": \"payment_intent\",\n  \"amount\": 1000,\n") {
		t.Errorf("the body begins %.120q", got.body)
	}
}

func basicTerm(t *testing.T, s *target) {
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.url+"/v1/balance", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(s.key, "")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("got %s", response.Status)
	}
}
