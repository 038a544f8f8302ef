package billingtest_test

import (
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
)

func TestMemoryInvoices(t *testing.T) {
	billingtest.Invoices(t, func(_ *testing.T, subs []billing.Subscription) billing.Invoices {
		return billingtest.NewMemoryInvoices(subs...)
	})
}

func TestMemoryLedger(t *testing.T) {
	billingtest.Ledger(t, func(*testing.T) (billing.Ledger, func(billing.Invoice) int) {
		l := new(billingtest.MemoryLedger)
		return l, func(inv billing.Invoice) int { return len(l.Charges(inv)) }
	})
}

func TestMemoryStripe(t *testing.T) {
	t.Parallel()
	t.Run("Charger", func(t *testing.T) { billingtest.Charger(t, memoryStripe) })
	t.Run("Intents", func(t *testing.T) { billingtest.Intents(t, memoryStripe) })
}

func memoryStripe(*testing.T) billingtest.Stripe {
	declining := billingtest.Invoice("bob")
	declining.Subscription.PaymentMethod = "pm_card_chargeCustomerFail"
	m := &billingtest.MemoryStripe{Declined: declining.Subscription.PaymentMethod}
	return billingtest.Stripe{
		Charger:     m,
		Intents:     m,
		Payable:     billingtest.Invoice("alice"),
		Declining:   declining,
		Fixed:       billingtest.Invoice("bob"),
		Charges:     func(inv billing.Invoice) int { return len(m.Charges(inv)) },
		LoseReplies: func() { m.RepliesLost = true },
		Refuse:      func() { m.Refusing = true },
		Fail:        func(done bool) { m.FailsBefore, m.FailsAfter = !done, done },
		Repair:      func() { m.RepliesLost, m.FailsBefore, m.FailsAfter = false, false, false },
		ForgetKeys:  m.ForgetKeys,
	}
}

func TestMemoryLocker(t *testing.T) {
	var locker billingtest.MemoryLocker
	first, err := locker.Obtain(t.Context(), "alice")
	if err != nil || first.Valid() != nil {
		t.Fatal("want a valid lease")
	}
	if _, err := locker.Obtain(t.Context(), "alice"); err != billing.ErrHeld {
		t.Errorf("while held: got %v", err)
	}
	if err := first.Release(t.Context()); err != nil || first.Valid() == nil {
		t.Errorf("released: got %v, valid: %t", err, first.Valid() == nil)
	}
	second, err := locker.Obtain(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Release(t.Context()); err != nil || second.Valid() != nil {
		t.Errorf("a second release: got %v, the next holder's lease: %v", err, second.Valid())
	}
}
