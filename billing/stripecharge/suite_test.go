package stripecharge_test

import (
	"net/http"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/stripesim/control"
)

func TestClientIsACharger(t *testing.T) {
	t.Parallel()
	chargerSuite(t, newFixture)
}

func TestClientIsIntents(t *testing.T) {
	t.Parallel()
	intentsSuite(t, newFixture)
}

func newFixture(t *testing.T) fixture {
	w := setup(t)
	return w.forSuites(w.patientClient("server-a"))
}

// forSuites returns the simulator for the suites, with a client of server-a.
func (w *world) forSuites(c *stripecharge.Client) fixture {
	w.t.Helper()
	saved := alice("pm_card_chargeCustomerFail")
	saved.ID, saved.Customer = "mallory", "Mallory"
	declining := w.save(saved)
	saved.Customer, saved.PaymentMethod = declining.Subscription.Customer, "pm_card_visa"
	var rules []*control.Handle
	rule := func(h *control.Handle, err error) {
		must(w.t, err)
		rules = append(rules, h)
	}
	return fixture{
		Charger:     c,
		Intents:     c,
		Payable:     w.invoice("pm_card_visa"),
		Declining:   declining,
		Fixed:       w.save(saved),
		Charges:     w.chargesOf,
		LoseReplies: func() { rule(w.control.Lose(w.t.Context(), control.Rule{})) },
		Fail: func(done bool) {
			when := control.BeforeCommit
			if done {
				when = control.AfterCommit
			}
			rule(w.control.Fail(w.t.Context(), control.Rule{},
				http.StatusInternalServerError, when))
		},
		Repair: func() {
			for _, h := range rules {
				must(w.t, h.Remove(w.t.Context()))
			}
			rules = nil
		},
		ForgetKeys: func() { must(w.t, w.control.Advance(w.t.Context(), 24*time.Hour)) },
		Refuse: func() {
			c.Close() // a request on a connection that is kept may have got through
			w.stripe.Server("server-a").Close()
		},
	}
}

// save has a subscription's card saved at Stripe, and returns its invoice for December.
func (w *world) save(s billing.Subscription) billing.Invoice {
	w.t.Helper()
	saved, err := w.client("server-a").SetUp(w.t.Context(), s)
	must(w.t, err)
	return billing.Invoice{Subscription: saved, Period: december(w.t)}
}

// chargesOf counts the charges of one invoice.
func (w *world) chargesOf(inv billing.Invoice) (n int) {
	w.t.Helper()
	for _, c := range w.charges() {
		if c.Subscription == inv.Subscription.ID && c.Period == inv.Period.String() {
			n++
		}
	}
	return n
}
