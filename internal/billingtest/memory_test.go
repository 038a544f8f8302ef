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
	billingtest.Charger(t, func(*testing.T) billingtest.Stripe {
		declining := billingtest.Invoice("bob")
		declining.Subscription.PaymentMethod = "pm_card_chargeCustomerFail"
		s := &billingtest.MemoryStripe{Declined: declining.Subscription.PaymentMethod}
		return billingtest.Stripe{
			Charger:     s,
			Payable:     billingtest.Invoice("alice"),
			Declining:   declining,
			Charges:     func(inv billing.Invoice) int { return len(s.Charges(inv)) },
			LoseReplies: func() { s.RepliesLost = true },
			Refuse:      func() { s.Refusing = true },
		}
	})
}

func TestMemoryLocker(t *testing.T) {
	var locker billingtest.MemoryLocker
	first, err := locker.Obtain(t.Context(), "alice")
	if err != nil || first.Trusted() != nil {
		t.Fatal("want a lease that is trusted")
	}
	if _, err := locker.Obtain(t.Context(), "alice"); err != billing.ErrHeld {
		t.Errorf("while held: got %v", err)
	}
	if err := first.Release(t.Context()); err != nil || first.Trusted() == nil {
		t.Errorf("released: got %v, trusted: %t", err, first.Trusted() == nil)
	}
	second, err := locker.Obtain(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Release(t.Context()); err != nil || second.Trusted() != nil {
		t.Errorf("a second release: got %v, the next holder's trust: %v", err, second.Trusted())
	}
}
