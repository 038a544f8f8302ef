package scenario

import (
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/fleet"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/internal/verdict"
)

// A rolling change from locked to exactly-once has both running at midnight. Neither checks the
// other's protection, so Alice pays twice. docs/changing-modes.md says what to do instead.
func TestServersOfTwoModesChargeTwice(t *testing.T) {
	t.Parallel()
	s := scenarioOf("locked", 1)
	s.Servers = 2
	p := begin(t, newHarness(t, servicetest.Database(t), servicetest.Redis(t)), s)
	p.workers[1].Stop()
	p.Mode = "exactly-once"
	var err error
	if p.workers[1], err = p.spawn(t.Context(), fleet.Names(p.Servers)[1]); err != nil {
		t.Fatal(err)
	}
	if err := p.midnight(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkAll(t, accounts(t, p), 1, verdict.Counts{Charges: 2, Entries: 2})
}

// The way to change: stop, reconcile (which finds nothing here), start. The new mode finds in the
// ledger what the old one has billed.
func TestServersThatStopBeforeTheModeChangesChargeOnce(t *testing.T) {
	t.Parallel()
	p := begin(t, newHarness(t, servicetest.Database(t), servicetest.Redis(t)),
		scenarioOf("locked", 3))
	if err := p.midnight(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.stopAll()
	p.Mode = "exactly-once"
	if err := p.startAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.midnight(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkAll(t, accounts(t, p), 3, verdict.Counts{Charges: 1, Entries: 1})
}

// A card declines, the customer enters another one, and the next due run is within the day.
func TestADeclineThatWasFixed(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]verdict.Counts{
		"locked":       {Charges: 1, Entries: 1},
		"claimed":      {Charges: 1, Entries: 1},
		"exactly-once": {Charges: 1, Entries: 1},
		// Stripe repeats the decline that it has saved under the invoice's key, or refuses the key
		// for its new parameters.
		"idempotent": {},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := scenarioOf(mode, 1)
			s.Subscriptions[0].PaymentMethod = "pm_card_chargeCustomerFail"
			p := begin(t, newHarness(t, servicetest.Database(t), servicetest.Redis(t)), s)
			for range 2 { // the second run is before the pause is over, and changes nothing
				if err := p.midnight(t.Context()); err != nil {
					t.Fatal(err)
				}
				checkAll(t, accounts(t, p), 1, verdict.Counts{})
			}
			fixCard(t, p)
			if err := p.midnight(t.Context()); err != nil {
				t.Fatal(err)
			}
			checkAll(t, accounts(t, p), 1, want)
		})
	}
}

// fixCard gives the first subscription's customer a card that pays.
func fixCard(t *testing.T, p *play) {
	t.Helper()
	page, err := p.sides.store.Due(t.Context(), p.sides.period, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	fixed := page[0].Subscription
	fixed.PaymentMethod = "pm_card_visa"
	// Another ID, since SetUp is idempotent per subscription.
	set := fixed
	set.ID += "-fixed"
	if set, err = p.sides.stripe.SetUp(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	fixed.PaymentMethod = set.PaymentMethod
	err = p.sides.store.AddSubscriptions(t.Context(), []billing.Subscription{fixed})
	if err != nil {
		t.Fatal(err)
	}
}
