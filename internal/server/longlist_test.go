package server

import (
	"fmt"
	"strings"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
)

// manyCards are more customers than a server with a concurrency of one begins with.
func manyCards() map[string]string {
	cards := map[string]string{}
	for _, id := range strings.Fields("alice bob carol dave erin frank grace heidi") {
		cards[id] = "pm_card_visa"
	}
	return cards
}

// waitForLeases returns once so many were obtained.
func (n *node) waitForLeases(want int) {
	for e := range n.lines(0) {
		if e.Msg == "lease.obtained" {
			want--
		}
		if want == 0 {
			return
		}
	}
	n.t.Fatal("the server ended before it had so many leases")
}

// addMany gives the customer of a subscription so many others.
func (w *world) addMany(n int, like string) {
	w.t.Helper()
	charger, err := stripecharge.New(stripecharge.Options{
		Key: stripecharge.SimulatorKey, URL: w.stripe["server-a"],
	})
	must(w.t, err)
	defer charger.Close()
	s, err := charger.SetUp(w.t.Context(), billing.Subscription{
		ID: like, Customer: like, PaymentMethod: "pm_card_visa", AmountMinor: 1000, Currency: "usd",
	})
	must(w.t, err)
	var many []billing.Subscription
	for i := range n {
		s.ID = fmt.Sprintf("%s-%04d", like, i)
		many = append(many, s)
	}
	must(w.t, w.store.AddSubscriptions(w.t.Context(), many))
}

// In a long list, what another server has charged is passed over by pages: for modes that would
// find it charged, and for no others.
func TestPagesThatAreDoneArePassedOverByModesThatAsk(t *testing.T) {
	t.Parallel()
	const many = 1200
	for mode, again := range map[string]int{
		"uncoordinated": many, "idempotent": 0, "locked": 0, "exactly-once": 0,
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := setup(t, nil)
			w.addMany(many, "alice")
			if got := start(t, w.config("server-a", mode)).run(); got.Billed != many {
				t.Fatalf("the first run: %+v", got)
			}
			n := start(t, w.config("server-b", mode))
			got := n.run()
			charges, err := w.control.ChargesSoFar(t.Context())
			must(t, err)
			if len(charges) != many+again || got.Failed > 0 {
				t.Errorf("%d charges after a second run, want %d: %+v", len(charges), many+again, got)
			}
			// What isn't passed over is at most a short page at the end of either leg.
			skipped := strings.Count(n.String(), `"msg":"invoice.skipped"`)
			m, err := billing.ModeNamed(mode)
			must(t, err)
			if m.Asks && (got.AlreadyBilled != many || skipped >= 1000) {
				t.Errorf("%d already billed, %d of them looked at: want %d and few",
					got.AlreadyBilled, skipped, many)
			}
		})
	}
}
