package billingtest_test

import (
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
)

func TestMemoryIntents(t *testing.T) {
	t.Parallel()
	billingtest.Intents(t, func(*testing.T) billingtest.IntentsStripe {
		declining := billingtest.Invoice("bob")
		declining.Subscription.PaymentMethod = "pm_card_chargeCustomerFail"
		m := &billingtest.MemoryIntents{Declined: declining.Subscription.PaymentMethod}
		return billingtest.IntentsStripe{
			Intents:     m,
			Payable:     billingtest.Invoice("alice"),
			Declining:   declining,
			Fixed:       billingtest.Invoice("bob"),
			Charges:     func(inv billing.Invoice) int { return len(m.Charges(inv)) },
			LoseReplies: func() { m.RepliesLost = true },
			Fail:        func(done bool) { m.FailsBefore, m.FailsAfter = !done, done },
			Repair: func() {
				m.RepliesLost, m.FailsBefore, m.FailsAfter = false, false, false
			},
			ForgetKeys: m.ForgetKeys,
			Refuse:     func() { m.Refusing = true },
		}
	})
}
