package reconcile_test

import (
	"time"

	"github.com/stripe/stripe-go/v76"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/ledger"
)

// state is a state of alice's invoice, what the report says about it, and what --apply leaves.
type state struct {
	name  string
	make  func(*world, billing.Invoice)
	found string // the verdicts
	todo  string // the actions
	now   string // the verdicts after --apply; "": unchanged
	sides sides  // after --apply
}

const (
	right, unbilled, unrecorded = "right", "unbilled", "unrecorded"
	overcharged, inDoubt        = "overcharged", "in doubt"
	pending, notAtStripe        = "pending", "recorded but not at Stripe"
	notLookedFor                = "not looked for"
)

func charges() []state {
	return []state{
		{"not charged", func(*world, billing.Invoice) {}, unbilled, "", "", sides{}},
		{"charged and recorded",
			func(w *world, inv billing.Invoice) { w.charged(inv, 1) }, right, "", "", once(1)},
		{"charged and not recorded",
			func(w *world, inv billing.Invoice) { w.charge(inv) },
			unrecorded, "record charge", right, once(1)},
		{"charged three times",
			func(w *world, inv billing.Invoice) { w.charged(inv, 3) },
			overcharged, "refund, refund", right, once(3)},
		{"charged three times, recorded once",
			func(w *world, inv billing.Invoice) {
				w.charge(inv)
				w.charged(inv, 1)
				w.charge(inv)
			},
			"overcharged, unrecorded", "record charge, record charge, refund, refund", right,
			once(3)},
		{"charged, with the subscription gone",
			func(w *world, inv billing.Invoice) {
				w.charged(inv, 2)
				w.sql(`DELETE FROM subscriptions`)
			}, overcharged, "refund", right, once(2)},
		{"captured in part by hand, twice",
			func(w *world, inv billing.Invoice) {
				for range 2 {
					w.captureInPart(inv, 6500, 1000)
				}
			}, "overcharged, unrecorded", "record charge, record charge, refund", right, once(2)},
		{"charged at another price than today's",
			func(w *world, inv billing.Invoice) {
				w.charged(inv, 2)
				inv.Subscription.AmountMinor = 1200
				must(w.t, w.store.AddSubscriptions(w.t.Context(),
					[]billing.Subscription{inv.Subscription}))
			}, overcharged, "refund", right, once(2)},
	}
}

func refunds() []state {
	return append([]state{
		{"the only charge refunded by hand",
			func(w *world, inv billing.Invoice) { w.refundByHand(w.charged(inv, 1)[0], 1000) },
			unrecorded, "record refund", right, sides{1, 1, 0, 1, 1, 0, 0, 0}},
		{"the only charge refunded by hand in part",
			func(w *world, inv billing.Invoice) {
				c := w.charged(inv, 1)[0]
				w.refundByHand(c, 100)
				w.refundByHand(c, 200)
			},
			unrecorded, "record refund, record refund", right, sides{1, 2, 700, 1, 2, 700, 0, 0}},
		{"charged and refunded, nothing recorded",
			func(w *world, inv billing.Invoice) { w.refundByHand(w.charge(inv), 1000) },
			unrecorded, "record charge, record refund", right, sides{1, 1, 0, 1, 1, 0, 0, 0}},
		{"all three refunded by hand",
			func(w *world, inv billing.Invoice) {
				for _, c := range w.charged(inv, 3) {
					w.refundByHand(c, 1000)
				}
			},
			unrecorded, "record refund, record refund, record refund", right,
			sides{3, 3, 0, 3, 3, 0, 0, 0}},
		{"the duplicates refunded by hand",
			func(w *world, inv billing.Invoice) {
				for _, c := range w.charged(inv, 3)[1:] {
					w.refundByHand(c, 1000)
				}
			}, unrecorded, "record refund, record refund", right, once(3)},
		{"one of three refunded by hand, the earliest",
			func(w *world, inv billing.Invoice) { w.refundByHand(w.charged(inv, 3)[0], 1000) },
			"overcharged, unrecorded", "record refund, refund", right, once(3)},
		{"a duplicate refunded by hand in part",
			func(w *world, inv billing.Invoice) { w.refundByHand(w.charged(inv, 2)[1], 400) },
			"overcharged, unrecorded", "record refund, refund", right,
			sides{2, 2, 1000, 2, 2, 1000, 0, 0}},
		{"the earliest refunded by hand in part",
			func(w *world, inv billing.Invoice) { w.refundByHand(w.charged(inv, 2)[0], 400) },
			"overcharged, unrecorded", "record refund, refund", right,
			sides{2, 2, 1000, 2, 2, 1000, 0, 0}},
		{"each refunded by hand in part",
			func(w *world, inv billing.Invoice) {
				for _, c := range w.charged(inv, 2) {
					w.refundByHand(c, 400)
				}
			}, "in doubt, overcharged, unrecorded", "", "", sides{2, 2, 1200, 2, 0, 2000, 0, 0}},
	}, lateRefunds()...)
}

func lateRefunds() []state {
	return []state{
		{"a refund that the bank has not decided on",
			func(w *world, inv billing.Invoice) {
				c := w.charged(withCard(w, inv, "pm_card_pendingRefund"), 2)[1]
				w.refundByHand(c, 1000)
			}, pending, "", "", sides{2, 1, 1000, 2, 0, 2000, 0, 0}},
		{"a refund by hand that the bank failed since",
			func(w *world, inv billing.Invoice) {
				w.refundByHand(w.charged(withCard(w, inv, "pm_card_refundFail"), 2)[1], 1000)
				must(w.t, w.control.Advance(w.t.Context(), time.Hour))
			}, overcharged, "", "", sides{2, 0, 2000, 2, 0, 2000, 0, 0}},
		{"a refund by hand that was recorded and failed since",
			func(w *world, inv billing.Invoice) {
				c := w.charged(withCard(w, inv, "pm_card_refundFail"), 2)[1]
				must(w.t, w.store.RecordRefund(w.t.Context(), ledger.Refund{
					ID: w.refundByHand(c, 1000), PaymentIntent: c.PaymentIntent, AmountMinor: 1000,
				}))
				must(w.t, w.control.Advance(w.t.Context(), time.Hour))
			}, "overcharged, unrecorded", "record failed refund", overcharged,
			sides{2, 0, 2000, 2, 0, 2000, 0, 0}},
		{"a refund of a part that is pending",
			func(w *world, inv billing.Invoice) {
				c := w.charged(withCard(w, inv, "pm_card_pendingRefund"), 3)[1]
				w.refundByHand(c, 400)
			}, "overcharged, pending", "", "", sides{3, 1, 2600, 3, 0, 3000, 0, 0}},
		{"a refund recorded that Stripe doesn't have",
			func(w *world, inv billing.Invoice) {
				c := w.charged(inv, 1)[0]
				must(w.t, w.store.RecordRefund(w.t.Context(), ledger.Refund{
					ID: "re_none", PaymentIntent: c.PaymentIntent, AmountMinor: 1000,
				}))
			}, notAtStripe, "", "", sides{1, 0, 1000, 1, 1, 0, 0, 0}},
		{"a refund recorded at another amount",
			func(w *world, inv billing.Invoice) {
				c := w.charged(inv, 1)[0]
				id := w.refundByHand(c, 500)
				must(w.t, w.store.RecordRefund(w.t.Context(), ledger.Refund{
					ID: id, PaymentIntent: c.PaymentIntent, AmountMinor: 400,
				}))
			}, inDoubt, "", "", sides{1, 1, 500, 1, 1, 600, 0, 0}},
	}
}

// withCard gives the payer another card.
func withCard(w *world, inv billing.Invoice, card string) billing.Invoice {
	w.t.Helper()
	inv.Subscription.PaymentMethod = card
	s, err := w.stripe.SetUp(w.t.Context(), inv.Subscription)
	must(w.t, err)
	inv.Subscription = s
	return inv
}

func contradictions() []state {
	return []state{
		{"recorded, and Stripe has no such PaymentIntent",
			func(w *world, inv billing.Invoice) {
				w.record(billing.Charge{
					Invoice: inv, PaymentIntent: "pi_none", AmountMinor: 1000, Currency: "usd"})
			}, "unbilled, recorded but not at Stripe", "", "", sides{0, 0, 0, 1, 0, 1000, 0, 0}},
		{"recorded, and the PaymentIntent took nothing",
			func(w *world, inv billing.Invoice) {
				w.record(billing.Charge{Invoice: inv, PaymentIntent: w.prepare(inv, 1),
					AmountMinor: 1000, Currency: "usd"})
				w.charged(inv, 1)
			}, notAtStripe, "cancel", "", sides{1, 0, 1000, 2, 0, 2000, 0, 1}},
		{"recorded at another amount",
			func(w *world, inv billing.Invoice) {
				c := w.charge(inv)
				c.AmountMinor = 900
				w.record(c)
				w.charge(inv)
			}, "in doubt, overcharged, unrecorded", "", "", sides{2, 0, 2000, 1, 0, 900, 0, 0}},
		{"recorded in another currency",
			func(w *world, inv billing.Invoice) {
				c := w.charge(inv)
				c.Currency = "eur"
				w.record(c)
			}, inDoubt, "", "", sides{1, 0, 1000, 1, 0, 1000, 0, 0}},
		{"recorded for another billing period",
			func(w *world, inv billing.Invoice) {
				c := w.charge(inv)
				c.Invoice.Period = billing.PeriodOf(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
				w.record(c)
			}, inDoubt, "", "", sides{1, 0, 1000, 0, 0, 0, 0, 0}},
		{"recorded, and Stripe says it is another's",
			func(w *world, inv billing.Invoice) {
				c := w.charge(w.invoice("bob"))
				c.Invoice = inv
				w.record(c)
			}, "in doubt, unbilled, recorded but not at Stripe", "", "",
			sides{0, 0, 0, 1, 0, 1000, 0, 0}},
		{"charged twice, not for the same amount",
			func(w *world, inv billing.Invoice) {
				w.charged(inv, 1)
				inv.Subscription.AmountMinor = 1200
				w.charged(inv, 1)
			}, "in doubt, overcharged", "", "", sides{2, 0, 2200, 2, 0, 2200, 0, 0}},
		{"charged twice, not in the same currency",
			func(w *world, inv billing.Invoice) {
				w.charged(inv, 1)
				inv.Subscription.Currency = "eur"
				w.charged(inv, 1)
			}, "in doubt, overcharged", "", "", sides{2, 0, 2000, 2, 0, 2000, 0, 0}},
		{"paid by somebody else",
			func(w *world, inv billing.Invoice) {
				w.charged(inv, 1)
				inv.Subscription.Customer = "Mallory"
				inv = withCard(w, inv, "pm_card_visa")
				w.charge(inv)
			}, "in doubt, overcharged", "", "", sides{2, 0, 2000, 1, 0, 1000, 0, 0}},
	}
}

func claims() []state {
	return []state{
		{"claimed, and the server was not heard of since",
			func(w *world, inv billing.Invoice) { w.claim(inv, time.Microsecond) },
			pending, "", "", sides{}},
		{"claimed for good", func(w *world, inv billing.Invoice) { w.claim(inv, 0) },
			pending, "", "", sides{}},
		{"declined, and the claim given back",
			func(w *world, inv billing.Invoice) {
				must(w.t, w.store.Claims(ledger.ClaimOptions{Pause: time.Hour}).
					Postpone(w.t.Context(), w.claim(inv, time.Minute)))
			}, unbilled, "", "", sides{}},
		{"registered, and not confirmed",
			func(w *world, inv billing.Invoice) {
				w.register(w.claim(inv, time.Minute), w.prepare(inv, 1))
			}, pending, "", "", sides{Untried: 1}},
		{"registered, confirmed and not recorded",
			func(w *world, inv billing.Invoice) {
				w.confirm(inv, w.register(w.claim(inv, time.Minute), w.prepare(inv, 1)))
			}, unrecorded, "record charge", right, once(1)},
		{"a payment that waits for the customer",
			func(w *world, inv billing.Invoice) {
				_, err := w.dashboard.intents.New(&stripe.PaymentIntentParams{
					Amount: stripe.Int64(1000), Currency: stripe.String("usd"),
					PaymentMethod: stripe.String("pm_card_visa"),
					Metadata: map[string]string{
						"ledger":       w.store.ID(),
						"subscription": inv.Subscription.ID, "period": inv.Period.String()},
				})
				must(w.t, err)
			}, pending, "", "", sides{}},
	}
}

// confirm takes the money of a PaymentIntent.
func (w *world) confirm(inv billing.Invoice, intent string) billing.Charge {
	w.t.Helper()
	c, err := w.stripe.Confirm(w.t.Context(), intent,
		billing.Request{Invoice: inv, Key: intent + "/confirm"})
	must(w.t, err)
	return c
}

func inert() []state {
	paid := once(1)
	paid.Canceled = 1
	left := once(1)
	left.Untried = 1
	return []state{
		{"superseded between preparing and registering",
			func(w *world, inv billing.Invoice) {
				w.prepare(inv, 1)
				w.record(w.confirm(inv, w.register(w.claim(inv, time.Minute), w.prepare(inv, 2))))
			}, right, "cancel", "", paid},
		{"superseded, and the registered one not confirmed yet",
			func(w *world, inv billing.Invoice) {
				w.prepare(inv, 1)
				w.register(w.claim(inv, time.Minute), w.prepare(inv, 2))
			}, pending, "cancel", "", sides{Untried: 1, Canceled: 1}},
		{"prepared, and none registered",
			func(w *world, inv billing.Invoice) {
				w.claim(inv, time.Microsecond)
				w.prepare(inv, 1)
				w.claim(inv, time.Microsecond)
				w.prepare(inv, 2)
			}, pending, "", "", sides{Untried: 2}},
		{"prepared under a claim that is held, and charged by another mode",
			func(w *world, inv billing.Invoice) {
				w.claim(inv, time.Minute)
				w.prepare(inv, 1)
				w.charged(inv, 1)
			}, right, "", "", left},
		{"prepared under a claim that has expired, and charged by another mode",
			func(w *world, inv billing.Invoice) {
				w.claim(inv, time.Microsecond)
				w.prepare(inv, 1)
				w.charge(inv)
			}, unrecorded, "record charge, cancel", right, paid},
		{"registered, and charged by another mode",
			func(w *world, inv billing.Invoice) {
				w.register(w.claim(inv, time.Microsecond), w.prepare(inv, 1))
				w.charged(inv, 1)
			}, right, "", "", left},
		{"declined, without a claim",
			func(w *world, inv billing.Invoice) {
				inv = withCard(w, inv, "pm_card_chargeCustomerFail")
				_, err := w.stripe.Charge(w.t.Context(), billing.Request{Invoice: inv})
				if err == nil {
					w.t.Fatal("the card was not declined")
				}
				inv.Subscription.PaymentMethod = w.payer.PaymentMethod
				w.charged(inv, 1)
			}, right, "", "", left},
	}
}
