package acme

import (
	"sync"
	"testing"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/customer"
	"github.com/stripe/stripe-go/v76/paymentintent"
	"github.com/stripe/stripe-go/v76/paymentmethod"

	"example.com/triplecharge/billing/stripetest"
)

// Three servers bill at the same instant: the requests wait until all have arrived.
func TestThreeServersChargeOnce(t *testing.T) {
	s := stripetest.Start(t)
	alice, card := saveCard(t, s)
	gate := s.Hold(stripetest.Match{Operation: stripetest.TakesMoney}, stripetest.Arriving)
	var servers sync.WaitGroup
	for _, server := range []string{"server-a", "server-b", "server-c"} {
		client := paymentintent.Client{B: backend(s.URL(server)), Key: stripetest.Key}
		servers.Go(func() {
			// All but one may be refused: their key is in use.
			if err := Bill(client, alice, card, "2026-12", 1000); err != nil {
				t.Log(server, err)
			}
		})
	}
	gate.Open(gate.Waiting(3)...)
	servers.Wait()
	if charges := s.Charges(); len(charges) != 1 {
		t.Errorf("%d charges, want one: %+v", len(charges), charges)
	}
}

// The money is taken, and the reply is lost. Whoever tries again must not take it again.
func TestALostReplyIsNoSecondCharge(t *testing.T) {
	s := stripetest.Start(t)
	alice, card := saveCard(t, s)
	client := paymentintent.Client{B: backend(s.URL("server-a")), Key: stripetest.Key}
	stop := s.Lose(stripetest.Match{Operation: stripetest.TakesMoney})
	if err := Bill(client, alice, card, "2026-12", 1000); err == nil {
		t.Error("the reply was not lost")
	}
	stop()
	if err := Bill(client, alice, card, "2026-12", 1000); err != nil {
		t.Error(err)
	}
	if charges := s.Charges(); len(charges) != 1 {
		t.Errorf("%d charges, want one: %+v", len(charges), charges)
	}
}

func saveCard(t *testing.T, s *stripetest.Stripe) (alice, card string) {
	t.Helper()
	b := backend(s.URL(""))
	c, err := customer.Client{B: b, Key: stripetest.Key}.New(&stripe.CustomerParams{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := paymentmethod.Client{B: b, Key: stripetest.Key}.Attach("pm_card_visa",
		&stripe.PaymentMethodAttachParams{Customer: stripe.String(c.ID)})
	if err != nil {
		t.Fatal(err)
	}
	return c.ID, m.ID
}

// backend is stripe-go without its retries, so that a test counts its own.
func backend(url string) stripe.Backend {
	return stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
		URL: stripe.String(url), MaxNetworkRetries: stripe.Int64(0),
		LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
	})
}
