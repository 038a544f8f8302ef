package stripesim

import (
	"net/http"
	"path"
)

// route is one endpoint.
type route struct {
	pattern string
	// operation is how a rule of the admin names it.
	operation string
	handle    func(*call) (any, *apiError)
}

// The operations that can take money.
const (
	opCreateIntent  = "payment_intents.create"
	opConfirmIntent = "payment_intents.confirm"
	opCreateCharge  = "charges.create"
)

// endpoints is everything that is simulated.
func endpoints() []route {
	return []route{
		{"POST /v1/customers", "customers.create", createCustomer},
		{"GET /v1/customers", "customers.list", listCustomers},
		{"GET /v1/customers/{id}", "customers.retrieve", retrieveCustomer},
		{"POST /v1/customers/{id}", "customers.update", updateCustomer},
		{"DELETE /v1/customers/{id}", "customers.delete", deleteCustomer},
		{"GET /v1/customers/search", "customers.search", searchCustomers},
		{"DELETE /v1/customers/{id}/discount", "customers.delete_discount", deleteDiscount},
		{"POST /v1/customers/{id}/funding_instructions", "customers.create_funding_instructions",
			createFundingInstructions},
		{"GET /v1/customers/{id}/payment_methods", "customers.list_payment_methods",
			listCustomerMethods},
		{"GET /v1/customers/{id}/payment_methods/{method}", "customers.retrieve_payment_method",
			retrieveCustomerMethod},

		{"POST /v1/payment_methods", "payment_methods.create", createMethod},
		{"GET /v1/payment_methods", "payment_methods.list", listMethods},
		{"GET /v1/payment_methods/{id}", "payment_methods.retrieve", retrieveMethod},
		{"POST /v1/payment_methods/{id}", "payment_methods.update", updateMethod},
		{"POST /v1/payment_methods/{id}/attach", "payment_methods.attach", attachMethod},
		{"POST /v1/payment_methods/{id}/detach", "payment_methods.detach", detachMethod},

		{"POST /v1/payment_intents", opCreateIntent, createIntent},
		{"GET /v1/payment_intents", "payment_intents.list", listIntents},
		{"GET /v1/payment_intents/{id}", "payment_intents.retrieve", retrieveIntent},
		{"POST /v1/payment_intents/{id}", "payment_intents.update", updateIntent},
		{"POST /v1/payment_intents/{id}/confirm", opConfirmIntent, confirmIntent},
		{"POST /v1/payment_intents/{id}/cancel", "payment_intents.cancel", cancelIntent},
		{"POST /v1/payment_intents/{id}/capture", "payment_intents.capture", captureIntent},
		{"GET /v1/payment_intents/search", "payment_intents.search", searchIntents},
		{"POST /v1/payment_intents/{id}/increment_authorization",
			"payment_intents.increment_authorization", incrementAuthorization},
		{"POST /v1/payment_intents/{id}/apply_customer_balance",
			"payment_intents.apply_customer_balance", applyCustomerBalance},
		{"POST /v1/payment_intents/{id}/verify_microdeposits",
			"payment_intents.verify_microdeposits", verifyMicrodeposits},

		{"POST /v1/charges", opCreateCharge, createCharge},
		{"POST /v1/charges/{id}", "charges.update", updateCharge},
		{"POST /v1/charges/{id}/capture", "charges.capture", captureCharge},
		{"GET /v1/charges/{id}/refunds", "charges.list_refunds", listChargeRefunds},
		{"GET /v1/charges/search", "charges.search", searchCharges},
		{"GET /v1/charges", "charges.list", listCharges},
		{"GET /v1/charges/{id}", "charges.retrieve", retrieveCharge},

		{"POST /v1/refunds", "refunds.create", createRefund},
		{"GET /v1/refunds", "refunds.list", listRefunds},
		{"GET /v1/refunds/{id}", "refunds.retrieve", retrieveRefund},
		{"POST /v1/refunds/{id}", "refunds.update", updateRefund},
		{"POST /v1/refunds/{id}/cancel", "refunds.cancel", cancelRefund},

		{"GET /v1/balance", "balance.retrieve", retrieveBalance},
		{"GET /v1/balance_transactions", "balance_transactions.list", listTransactions},
		{"GET /v1/balance_transactions/{id}", "balance_transactions.retrieve", retrieveTransaction},
		{"GET /v1/events", "events.list", listEvents},
		{"GET /v1/events/{id}", "events.retrieve", retrieveEvent},
	}
}

// routes serves all endpoints, and a JSON 404 for everything else.
func (s *Simulator) routes(server string) http.Handler {
	mux := http.NewServeMux()
	for _, r := range endpoints() {
		mux.Handle(r.pattern, s.serve(server, r))
	}
	lost := s.serve(server, route{"", "unrecognized", unrecognized})
	mux.Handle("/", lost)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("ok\n"))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// ServeMux answers such a path with a redirect, which a client of Stripe's cannot read.
		if r.URL.Path != path.Clean(r.URL.Path) {
			lost.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func unrecognized(c *call) (any, *apiError) {
	return nil, errUnrecognized(c.http.Method, c.http.URL.Path)
}
