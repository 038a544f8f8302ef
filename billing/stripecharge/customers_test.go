package stripecharge_test

import (
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/stripesim/control"
)

func TestSetUpMakesACustomerWhoCanBeCharged(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.client("server-a")
	got, err := c.SetUp(t.Context(), alice("pm_card_visa"))
	must(t, err)
	want := alice("pm_card_visa")
	want.Customer, want.PaymentMethod = got.Customer, got.PaymentMethod
	if got != want || got.Customer == "Alice" || got.PaymentMethod == "pm_card_visa" {
		t.Errorf("got %+v, want Alice's with Stripe's own IDs", got)
	}
	_, err = c.Charge(t.Context(),
		billing.Request{Invoice: billing.Invoice{Subscription: got, Period: december(t)}})
	must(t, err)
	taken := w.charges()
	if len(taken) != 1 || taken[0].Customer != got.Customer {
		t.Errorf("Stripe has %+v, want one charge of %s", taken, got.Customer)
	}
}

func TestSetUpCanBeRunAgain(t *testing.T) {
	t.Parallel()
	w := setup(t)
	first, err := w.client("server-a").SetUp(t.Context(), alice("pm_card_visa"))
	must(t, err)
	again, err := w.client("server-b").SetUp(t.Context(), alice("pm_card_visa"))
	must(t, err)
	if again != first {
		t.Errorf("got %+v, then %+v, want the same", first, again)
	}
}

func TestSetUpGoesOnAfterALostReply(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/v1/customers", "/v1/payment_methods/*"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			c := w.client("server-a")
			lost, err := w.control.Lose(t.Context(), control.Rule{Path: path})
			must(t, err)
			if _, err := c.SetUp(t.Context(), alice("pm_card_visa")); err == nil {
				t.Fatal("got no error from a reply that was lost")
			}
			must(t, lost.Remove(t.Context()))
			w.log.forget()
			s, err := c.SetUp(t.Context(), alice("pm_card_visa"))
			must(t, err)
			// What the first run made is what the second one found.
			third, err := w.client("server-b").SetUp(t.Context(), alice("pm_card_visa"))
			must(t, err)
			if s != third {
				t.Errorf("got %+v, then %+v, want the same", s, third)
			}
		})
	}
}

func TestSetUpTakesAnotherCardForTheSameCustomer(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.client("server-a")
	if _, err := c.SetUp(t.Context(), alice("pm_card_visa_chargeDeclined")); err == nil {
		t.Fatal("got no error from a card that can't be saved")
	}
	first, err := c.SetUp(t.Context(), alice("pm_card_visa"))
	must(t, err)
	second, err := c.SetUp(t.Context(), alice("pm_card_mastercard"))
	must(t, err)
	if second.Customer != first.Customer || second.PaymentMethod == first.PaymentMethod {
		t.Errorf("got %+v, then %+v, want the same customer with another card", first, second)
	}
}

func TestSetUpKeepsACustomerOfStripes(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.client("server-a")
	s, err := c.SetUp(t.Context(), alice("pm_card_visa"))
	must(t, err)
	w.log.forget()
	s.ID, s.PaymentMethod = "alice-2", "pm_card_amex"
	got, err := c.SetUp(t.Context(), s)
	must(t, err)
	if got.Customer != s.Customer {
		t.Errorf("got customer %s, want %s", got.Customer, s.Customer)
	}
	w.log.wantAttempts(t, 1) // the card's
}
