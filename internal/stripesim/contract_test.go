package stripesim_test

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stripe/stripe-go/v76"

	"example.com/triplecharge/internal/stripesim"
)

// target is a Stripe that the contract is held to: the simulator, or the real one in test mode.
type target struct {
	url string
	key string
	run string // makes names unique among runs, for the real one remembers
	api *api
}

func newTarget(url, key string) *target {
	return &target{url, key, strings.ToLower(rand.Text()[:8]), newAPI(url, key)}
}

// term is one line of the contract.
type term struct {
	name string
	hold func(t *testing.T, s *target)
}

// contract is everything that the simulator promises and the real Stripe can be asked for: what
// needs no gate, no clock and no more than a few requests.
func contract() []term {
	var all []term
	for _, part := range [][]term{
		idempotencyTerms(), intentTerms(), confirmTerms(), declineTerms(), parameterTerms(),
		identityTerms(), listTerms(), refundTerms(), customerTerms(), methodTerms(), searchTerms(),
		expandTerms(), ledgerTerms(), oldChargeTerms(), refusalTerms(),
	} {
		all = append(all, part...)
	}
	return all
}

func TestContract(t *testing.T) {
	t.Parallel()
	for _, c := range contract() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := setup(t, stripesim.Options{})
			c.hold(t, newTarget(w.urls["server-a"], testKey))
		})
	}
}

// TestContractAgainstStripeTestMode checks the simulator's promises against Stripe itself. It needs
// a test key, and leaves nothing behind but PaymentIntents, which cannot be deleted there.
func TestContractAgainstStripeTestMode(t *testing.T) {
	key := os.Getenv("STRIPE_SECRET_KEY")
	if !strings.HasPrefix(key, "sk_test_") {
		t.Skip("STRIPE_SECRET_KEY is not a key of Stripe's test mode (sk_test_…)")
	}
	s := newTarget(cmp.Or(os.Getenv("STRIPE_URL"), "https://api.stripe.com"), key)
	s.sweep(t)
	for _, c := range contract() {
		t.Run(c.name, func(t *testing.T) { c.hold(t, s) })
	}
}

// contractEmail marks the customers that a run of the contract makes.
const contractEmail = "stripesim-contract@example.com"

// sweep deletes the customers of runs that were cut off.
func (s *target) sweep(t *testing.T) {
	t.Helper()
	list := s.api.customers.List(&stripe.CustomerListParams{
		Email: stripe.String(contractEmail),
	})
	for list.Next() {
		if _, err := s.api.customers.Del(list.Customer().ID, nil); err != nil {
			t.Fatalf("delete a customer of an earlier run: %v", err)
		}
	}
	if err := list.Err(); err != nil {
		t.Fatalf("list the customers of earlier runs: %v", err)
	}
}

// customer makes a customer with a saved card, for as long as the test runs.
func (s *target) customer(t *testing.T, card string) alice {
	t.Helper()
	c, err := s.api.customers.New(&stripe.CustomerParams{Email: stripe.String(contractEmail)})
	if err != nil {
		t.Fatalf("create a customer: %v", err)
	}
	t.Cleanup(func() { s.api.customers.Del(c.ID, nil) }) // sweep gets what this does not
	m, err := s.api.methods.Attach(card, &stripe.PaymentMethodAttachParams{
		Customer: stripe.String(c.ID),
	})
	if err != nil {
		t.Fatalf("attach %s: %v", card, err)
	}
	return alice{c.ID, m.ID}
}

// named makes an idempotency key that no other run uses.
func (s *target) named(key string) string {
	return s.run + "/" + key
}

// send sends a request without stripe-go.
func (s *target) send(
	t *testing.T, method, path string, header []string, form ...string,
) answer {
	t.Helper()
	return send(t, s.url, method, path, append([]string{"Authorization", "Bearer " + s.key},
		header...), form...)
}

// post sends a POST under an idempotency key.
func (s *target) post(t *testing.T, key, path string, form ...string) answer {
	t.Helper()
	return s.send(t, http.MethodPost, path, []string{"Idempotency-Key", s.named(key)}, form...)
}

// unconfirmed makes a PaymentIntent that was not confirmed, without a payment method.
func (s *target) unconfirmed(t *testing.T, who alice) *stripe.PaymentIntent {
	t.Helper()
	i, err := s.api.intents.New(&stripe.PaymentIntentParams{
		Amount: stripe.Int64(1000), Currency: stripe.String("usd"),
		Customer:           stripe.String(who.customer),
		PaymentMethodTypes: stripe.StringSlice([]string{"card"}),
	})
	if err != nil {
		t.Fatalf("create a PaymentIntent: %v", err)
	}
	return i
}

// paid makes a PaymentIntent that took $10.
func (s *target) paid(t *testing.T, who alice) *stripe.PaymentIntent {
	t.Helper()
	i, err := s.api.intents.New(tenDollars(who, ""))
	if err != nil {
		t.Fatalf("charge: %v", err)
	}
	return i
}

// confirm confirms with the customer's card.
func confirmWith(method string) *stripe.PaymentIntentConfirmParams {
	return &stripe.PaymentIntentConfirmParams{
		PaymentMethod: stripe.String(method), OffSession: stripe.Bool(true),
	}
}

// problem is what an error has to be; the message is not part of it.
type problem struct {
	status int
	typ    stripe.ErrorType
	code   stripe.ErrorCode
	param  string
}

func (p problem) String() string {
	return fmt.Sprintf("%d %s code=%q param=%q", p.status, p.typ, p.code, p.param)
}

// invalid is a 400 invalid_request_error.
func invalid(code stripe.ErrorCode, param string) problem {
	return problem{http.StatusBadRequest, stripe.ErrorTypeInvalidRequest, code, param}
}

// wantProblem checks an error of stripe-go and returns it.
func wantProblem(t *testing.T, err error, want problem) *stripe.Error {
	t.Helper()
	e := stripeError(t, err)
	if got := (problem{e.HTTPStatusCode, e.Type, e.Code, e.Param}); got != want {
		t.Errorf("got %v (%s), want %v", got, e.Msg, want)
	}
	return e
}
