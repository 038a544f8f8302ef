package schematest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"example.com/triplecharge/internal/stripesim"
)

// visit is one answer that the tour got.
type visit struct {
	method, path string
	status       int
	body         []byte
}

// tour asks the simulator for every kind of answer it has.
type tour struct {
	t      *testing.T
	url    string
	visits []visit
}

func newTour(t *testing.T) *tour {
	t.Helper()
	sim := stripesim.New(stripesim.Options{})
	server := httptest.NewServer(sim.Handler(""))
	t.Cleanup(server.Close)
	t.Cleanup(func() { sim.Close() })
	return &tour{t: t, url: server.URL}
}

// ask sends one request and records the answer. The form is pairs of name and value.
func (r *tour) ask(method, path string, want int, form ...string) map[string]any {
	r.t.Helper()
	values := url.Values{}
	for i := 0; i < len(form); i += 2 {
		values.Add(form[i], form[i+1])
	}
	target := r.url + path
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader(values.Encode())
	} else if len(values) > 0 {
		target += "?" + values.Encode()
	}
	request, err := http.NewRequestWithContext(r.t.Context(), method, target, body)
	if err != nil {
		r.t.Fatal(err)
	}
	request.SetBasicAuth("sk_test_schema", "")
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	if response.StatusCode != want {
		r.t.Fatalf("%s %s answers %d, want %d: %s", method, path, response.StatusCode, want, answer)
	}
	r.visits = append(r.visits, visit{method, path, response.StatusCode, answer})
	parsed, err := parse(answer)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	return parsed.(map[string]any)
}

func (r *tour) get(path string, form ...string) map[string]any {
	r.t.Helper()
	return r.ask(http.MethodGet, path, http.StatusOK, form...)
}

func (r *tour) post(path string, form ...string) map[string]any {
	r.t.Helper()
	return r.ask(http.MethodPost, path, http.StatusOK, form...)
}

// id is the id of an answer.
func id(o map[string]any) string { return o["id"].(string) }

// run goes everywhere.
func (r *tour) run() {
	customer, method := r.customers()
	intent := r.intents(customer, method)
	r.declines(customer)
	charge := r.charges(intent)
	r.refunds(intent, charge)
	r.disputes()
	r.lists(customer)
	r.searches()
	r.refusedCancel()
	r.farewell(customer, method)
}

func (r *tour) customers() (customer, method string) {
	customer = id(r.post("/v1/customers", "name", "Alice", "email", "alice@example.com",
		"phone", "1", "description", "who owes $10", "metadata[k]", "v",
		"preferred_locales[]", "en", "tax_exempt", "exempt", "balance", "-5",
		"address[line1]", "Street", "address[country]", "US",
		"shipping[name]", "Alice", "shipping[address][line1]", "Street"))
	r.post("/v1/customers", "payment_method", "pm_card_visa",
		"invoice_settings[default_payment_method]", "pm_card_visa",
		"expand[]", "invoice_settings.default_payment_method")
	method = id(r.post("/v1/payment_methods/pm_card_visa/attach", "customer", customer,
		"expand[]", "customer"))
	r.post("/v1/payment_methods", "type", "card", "card[number]", "4242424242424242",
		"card[exp_month]", "1", "card[exp_year]", "2060", "billing_details[name]", "Alice",
		"billing_details[address][city]", "Berlin", "metadata[k]", "v")
	r.get("/v1/payment_methods/" + method)
	r.post("/v1/payment_methods/"+method, "billing_details[email]", "alice@example.com")
	r.post("/v1/customers/"+customer, "invoice_settings[default_payment_method]", method)
	r.get("/v1/customers/" + customer)
	r.get("/v1/customers/"+customer+"/payment_methods", "type", "card")
	r.get("/v1/customers/" + customer + "/payment_methods/" + method)
	return customer, method
}

func (r *tour) intents(customer, method string) string {
	base := []string{"amount", "1000", "currency", "usd", "customer", customer}
	with := func(more ...string) []string { return append(base[:len(base):len(base)], more...) }
	bare := id(r.post("/v1/payment_intents", with("description", "Alice", "receipt_email",
		"alice@example.com", "statement_descriptor_suffix", "X", "transfer_group", "g",
		"setup_future_usage", "off_session", "capture_method", "manual",
		"payment_method_types[]", "card", "shipping[name]", "A",
		"shipping[address][line1]", "S")...))
	r.post("/v1/payment_intents/"+bare, "amount", "2000", "metadata[k]", "v")
	r.post("/v1/payment_intents/"+bare+"/confirm", "payment_method", method)
	r.get("/v1/payment_intents/"+bare, "expand[]", "latest_charge")
	r.post("/v1/payment_intents/"+bare+"/capture", "amount_to_capture", "1500")
	canceled := id(r.post("/v1/payment_intents", with("payment_method", method,
		"automatic_payment_methods[enabled]", "true",
		"automatic_payment_methods[allow_redirects]", "never")...))
	r.post("/v1/payment_intents/"+canceled+"/cancel", "cancellation_reason", "abandoned")
	for _, on := range [][]string{
		{"return_url", "https://example.com/back"}, {"payment_method_types[]", "card"},
	} {
		r.post("/v1/payment_intents", with(append(on, "payment_method",
			"pm_card_authenticationRequired", "confirm", "true")...)...)
	}
	return id(r.post("/v1/payment_intents", with("payment_method", method, "confirm", "true",
		"off_session", "true", "expand[]", "latest_charge.balance_transaction",
		"expand[]", "customer", "expand[]", "payment_method")...))
}

func (r *tour) declines(customer string) {
	for _, card := range []string{"pm_card_chargeCustomerFail", "pm_card_visa_chargeDeclined",
		"pm_card_authenticationRequired", "pm_card_chargeDeclinedExpiredCard",
		"pm_card_riskLevelHighest"} {
		r.ask(http.MethodPost, "/v1/payment_intents", http.StatusPaymentRequired,
			"amount", "1000", "currency", "usd", "customer", customer, "payment_method", card,
			"confirm", "true", "off_session", "true")
	}
	failed := r.get("/v1/payment_intents", "limit", "1")["data"].([]any)[0].(map[string]any)
	r.get("/v1/charges/" + failed["latest_charge"].(string))
	r.ask(http.MethodPost, "/v1/payment_methods/pm_card_chargeDeclined/attach",
		http.StatusPaymentRequired, "customer", customer)
	r.ask(http.MethodPost, "/v1/payment_intents", http.StatusBadRequest, "amount", "0")
	r.ask(http.MethodGet, "/v1/payment_intents/pi_none", http.StatusNotFound)
	r.ask(http.MethodPost, "/v1/payment_intents/"+id(failed)+"/capture", http.StatusBadRequest)
}

func (r *tour) charges(intent string) string {
	of := r.get("/v1/payment_intents/" + intent)
	charge := of["latest_charge"].(string)
	r.get("/v1/charges/" + charge)
	r.post("/v1/charges/"+charge, "metadata[k]", "v")
	old := id(r.post("/v1/charges", "amount", "500", "currency", "eur", "source", "tok_visa",
		"capture", "false"))
	r.post("/v1/charges/" + old + "/capture")
	r.ask(http.MethodPost, "/v1/charges", http.StatusPaymentRequired, "amount", "500",
		"currency", "usd", "source", "tok_chargeDeclined")
	return charge
}

func (r *tour) refunds(intent, charge string) {
	refund := id(r.post("/v1/refunds", "charge", charge, "amount", "400", "reason", "duplicate",
		"metadata[k]", "v", "expand[]", "charge", "expand[]", "balance_transaction"))
	r.post("/v1/refunds", "payment_intent", intent)
	r.get("/v1/refunds/" + refund)
	r.post("/v1/refunds/"+refund, "metadata[k]", "w")
	r.get("/v1/charges/"+charge, "expand[]", "refunds")
	r.get("/v1/charges/" + charge + "/refunds")
	r.ask(http.MethodPost, "/v1/refunds", http.StatusBadRequest, "charge", charge)
	failing := r.post("/v1/payment_intents", "amount", "1000", "currency", "usd",
		"payment_method", "pm_card_refundFail", "confirm", "true", "off_session", "true")
	r.post("/v1/refunds", "payment_intent", id(failing))
}

func (r *tour) disputes() {
	for _, card := range []string{"pm_card_createDispute", "pm_card_createDisputeInquiry"} {
		i := r.post("/v1/payment_intents", "amount", "1000", "currency", "usd",
			"payment_method", card, "confirm", "true", "off_session", "true")
		found := r.get("/v1/disputes", "payment_intent", id(i), "expand[]", "data.charge")
		r.get("/v1/disputes/" + id(found["data"].([]any)[0].(map[string]any)))
	}
	r.get("/v1/account")
	endpoint := "/v1/webhook_endpoints/" + id(r.post("/v1/webhook_endpoints", "url",
		"http://127.0.0.1:1", "enabled_events[]", "*", "description", "nobody is there"))
	r.get("/v1/webhook_endpoints")
	r.get(endpoint)
}

func (r *tour) lists(customer string) {
	r.get("/v1/customers", "limit", "100")
	r.get("/v1/payment_methods", "customer", customer)
	r.get("/v1/payment_intents", "customer", customer, "limit", "100",
		"expand[]", "data.latest_charge")
	r.get("/v1/charges", "limit", "100")
	r.get("/v1/refunds", "limit", "100")
	r.get("/v1/balance")
	transactions := r.get("/v1/balance_transactions", "limit", "100", "expand[]", "data.source")
	first := transactions["data"].([]any)[0].(map[string]any)
	r.get("/v1/balance_transactions/" + id(first))
	events := r.get("/v1/events", "limit", "100")["data"].([]any)
	r.get("/v1/events/" + id(events[0].(map[string]any)))
}

func (r *tour) searches() {
	r.get("/v1/payment_intents/search", "query", "status:'succeeded'", "limit", "1")
	r.get("/v1/charges/search", "query", "amount>1")
	r.get("/v1/customers/search", "query", "metadata['k']:'v'")
}

func (r *tour) refusedCancel() {
	refund := r.get("/v1/refunds", "limit", "1")["data"].([]any)[0].(map[string]any)
	r.ask(http.MethodPost, "/v1/refunds/"+id(refund)+"/cancel", http.StatusBadRequest)
}

func (r *tour) farewell(customer, method string) {
	r.post("/v1/payment_methods/" + method + "/detach")
	r.ask(http.MethodDelete, "/v1/customers/"+customer, http.StatusOK)
	r.get("/v1/customers/" + customer)
}
