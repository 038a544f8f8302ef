package reconcile_test

import (
	"slices"
	"testing"
	"time"

	"example.com/triplecharge/billing"
)

func forgotten() []state {
	return []state{
		{"prepared, and the claim forgotten",
			func(w *world, inv billing.Invoice) { w.prepare(inv, 1) },
			unbilled, "record claim", pending, sides{Untried: 1}},
		{"prepared twice, and the claim forgotten",
			func(w *world, inv billing.Invoice) { w.prepare(inv, 1); w.prepare(inv, 2) },
			unbilled, "record claim, cancel", pending, sides{Untried: 1, Canceled: 1}},
		{"prepared, the claim forgotten, and taken anew",
			func(w *world, inv billing.Invoice) { w.prepare(inv, 2); w.claim(inv, time.Minute) },
			pending, "record claim", pending, sides{Untried: 1}},
		{"declined, and the claim forgotten",
			func(w *world, inv billing.Invoice) {
				inv = withCard(w, inv, "pm_card_chargeCustomerFail")
				w.prepare(inv, 1)
				_, err := w.stripe.Confirm(w.t.Context(), w.prepare(inv, 2),
					billing.Request{Invoice: inv})
				if err == nil {
					w.t.Fatal("the card was not declined")
				}
				w.prepare(inv, 3)
			}, unbilled, "record claim, cancel, cancel", pending,
			sides{Untried: 1, Canceled: 2}},
		{"charged, and entry and claim forgotten",
			func(w *world, inv billing.Invoice) { w.confirm(inv, w.prepare(inv, 1)) },
			unrecorded, "record charge", right, once(1)},
	}
}

// A charge may belong to a subscription that the ledger has forgotten, too.
func TestServersWaitUntilNoChargeOfTheMonthIsMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sql(`INSERT INTO reconcile_first (period) VALUES ('2026-11'), ('2026-12')`)
	w.charge(w.invoice("alice"))
	for _, step := range []struct {
		subscriptions, first []string
	}{{nil, []string{"2026-11", "2026-12"}}, {[]string{"alice"}, []string{"2026-11"}}} {
		w.subscribe(step.subscriptions...)
		if o := w.run(true); !slices.Equal(o.First, step.first) {
			t.Errorf("with %v: got %v, want %v", step.subscriptions, o.First, step.first)
		}
	}
}
