package reconcile_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/verdict"
	"example.com/triplecharge/ledger"
)

// history makes things happen to some invoices, step by step.
type history struct {
	*world
	rt      *rapid.T
	ids     []string
	charges []billing.Charge
	byHand  map[string]int64 // refunded in the dashboard, by PaymentIntent
}

// step makes one thing happen, in the right order or not.
func (h *history) step() {
	inv := h.invoice(rapid.SampledFrom(h.ids).Draw(h.rt, "subscription"))
	do := rapid.SampledFrom([]string{
		"charge", "charge and record", "record", "refund by hand", "record a refund by hand",
		"claim", "prepare", "register", "confirm what is registered", "record what is not there",
	}).Draw(h.rt, "step")
	switch do {
	case "charge", "charge and record":
		c := h.charge(inv)
		h.charges = append(h.charges, c)
		if do == "charge and record" {
			h.record(c)
		}
	case "record":
		if c, ok := h.some(); ok {
			h.record(c)
		}
	case "refund by hand", "record a refund by hand":
		h.refundSome(do == "record a refund by hand")
	case "claim":
		_, _ = h.store.Claims(ledger.ClaimOptions{Lease: time.Microsecond}).Take(h.t.Context(), inv)
	case "prepare":
		h.prepare(inv, rapid.IntRange(1, 3).Draw(h.rt, "generation"))
	case "register", "confirm what is registered":
		h.exactlyOnce(inv, do != "register")
	case "record what is not there":
		h.record(billing.Charge{
			Invoice: inv, PaymentIntent: "pi_none_of_" + inv.String(), AmountMinor: 1000,
			Currency: "usd",
		})
	}
}

// some returns a charge that was made, if there is one.
func (h *history) some() (billing.Charge, bool) {
	if len(h.charges) == 0 {
		return billing.Charge{}, false
	}
	return rapid.SampledFrom(h.charges).Draw(h.rt, "charge"), true
}

func (h *history) refundSome(recorded bool) {
	c, ok := h.some()
	left := c.AmountMinor - h.byHand[c.PaymentIntent]
	if !ok || left == 0 {
		return
	}
	amount := left
	if rapid.Bool().Draw(h.rt, "in part") {
		amount = rapid.Int64Range(1, left).Draw(h.rt, "amount")
	}
	id := h.refundByHand(c, amount)
	h.byHand[c.PaymentIntent] += amount
	if recorded {
		h.record(c)
		must(h.t, h.store.RecordRefund(h.t.Context(), ledger.Refund{
			ID: id, PaymentIntent: c.PaymentIntent, AmountMinor: amount,
		}))
	}
}

// exactlyOnce does what that mode does, as far as the ledger allows.
func (h *history) exactlyOnce(inv billing.Invoice, confirm bool) {
	claims := h.store.Claims(ledger.ClaimOptions{Lease: time.Microsecond})
	claim, err := claims.Take(h.t.Context(), inv)
	if err != nil {
		return
	}
	intent := h.register(claim, h.prepare(inv, int(claim.Generation)))
	if confirm {
		c := h.confirm(inv, intent)
		if !slices.Contains(h.charges, c) {
			h.charges = append(h.charges, c)
		}
	}
}

// standing returns the number of an invoice's charges that still have the customer's money, and the
// sum.
func (h *history) standing(id string) (n int, minor int64) {
	for intent, err := range h.stripe.AllIntents(h.t.Context(), time.Unix(0, 0), time.Time{}) {
		must(h.t, err)
		if intent.Subscription == id && intent.RemainingMinor > 0 {
			n++
			minor += intent.RemainingMinor
		}
	}
	return n, minor
}

// Whatever happened before, after --apply the customer has paid the amount due once, less what
// somebody refunded of that charge by hand, and the ledger agrees. Otherwise the invoice is listed.
func TestWhateverHappenedItIsRightOrListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	month := time.Date(1000, time.January, 1, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(rt *rapid.T) {
		// Each history gets its own month, since entries can't be deleted.
		month = month.AddDate(0, 1, 0)
		w.period = billing.PeriodOf(month)
		w.sql(`DELETE FROM subscriptions`)
		w.freshStripe()
		h := &history{world: w, rt: rt, byHand: map[string]int64{}}
		for n := range rapid.IntRange(1, 3).Draw(rt, "invoices") {
			h.ids = append(h.ids, fmt.Sprintf("customer-%d", n))
		}
		w.subscribe(h.ids...)
		for range rapid.IntRange(0, 14).Draw(rt, "steps") {
			h.step()
		}
		h.check()
	})
}

func (h *history) check() {
	registered := h.registered()
	before := map[string]int{}
	for _, id := range h.ids {
		before[id], _ = h.standing(id)
	}
	o := h.run(true)
	now := &o.Found
	if o.Now != nil {
		now = o.Now
	}
	all := h.sides()
	for _, id := range h.ids {
		i, b := invoiceIn(h.t, *now, id), all[id]
		n, minor := h.standing(id)
		fail := func(why string) {
			h.rt.Fatalf("%s: %s: %+v %v %q; before: %d standing, %+v", id, why, b, i.Verdicts,
				i.Remarks, before[id], invoiceIn(h.t, o.Found, id))
		}
		doubt := i.Is(verdict.InDoubt)
		switch {
		case !doubt && n != min(1, before[id]):
			fail("more or fewer charges have the money than should")
		case i.Is(verdict.Overcharged) != (n > 1):
			fail("overcharged is said wrongly")
		case !doubt && before[id] > 1 && minor != 1000:
			fail("a charge was kept that somebody had refunded in part, or none")
		case i.Is(verdict.Right) && (b.NetMinor != b.EnteredNetMinor || b.Charges != b.Entries ||
			b.Refunds != b.RefundEntries || b.NetMinor > 1000 || b.Charges == 0):
			fail("it is not right")
		case !doubt && i.Is(verdict.Unrecorded):
			fail("something was not recorded")
		}
	}
	for _, intent := range registered {
		got, err := h.stripe.Intent(h.t.Context(), intent)
		must(h.t, err)
		if got.State == stripecharge.Canceled {
			h.rt.Fatalf("%s is registered, and canceled", intent)
		}
	}
	if again := h.run(true); len(again.Done) != 0 || again.OK != o.OK {
		h.rt.Fatalf("a second run did %+v", again.Done)
	}
}

func (h *history) registered() (intents []string) {
	accounts, err := h.store.Accounts(h.t.Context(), h.period, "", 100)
	must(h.t, err)
	for _, a := range accounts {
		if a.Claim.Intent != "" {
			intents = append(intents, a.Claim.Intent)
		}
	}
	return intents
}
