package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
)

// ledgerSuite is what every billing.Ledger must pass. newLedger returns an empty one, and a
// function that counts its charges of an invoice.
func ledgerSuite(
	t *testing.T,
	newLedger func(t *testing.T) (l billing.Ledger, charges func(billing.Invoice) int),
) {
	t.Run("knows what was charged, by subscription and period", func(t *testing.T) {
		l, _ := newLedger(t)
		wantCharged(t, l, billingtest.Invoice("alice"), false)
		mustRecord(t, l, charge("pi_1", "alice", 1000))
		wantCharged(t, l, billingtest.Invoice("alice"), true)
		wantCharged(t, l, billingtest.Invoice("bob"), false)
		next := inJanuary("alice")
		wantCharged(t, l, next, false)
	})

	t.Run("records a charge once", func(t *testing.T) {
		l, charges := newLedger(t)
		mustRecord(t, l, charge("pi_1", "alice", 1000))
		mustRecord(t, l, charge("pi_1", "alice", 1000))
		wantCharges(t, charges, 1)
	})

	t.Run("knows a charge again though the customer has a new card", func(t *testing.T) {
		l, charges := newLedger(t)
		mustRecord(t, l, charge("pi_1", "alice", 1000))
		again := charge("pi_1", "alice", 1000)
		again.Invoice = withAnotherCard(again.Invoice)
		mustRecord(t, l, again)
		wantCharges(t, charges, 1)
	})

	t.Run("records each charge of an invoice: the bug must be seen", func(t *testing.T) {
		l, charges := newLedger(t)
		mustRecord(t, l, charge("pi_1", "alice", 1000))
		mustRecord(t, l, charge("pi_2", "alice", 1000))
		wantCharges(t, charges, 2)
	})

	t.Run("refuses a charge that contradicts it", func(t *testing.T) {
		l, charges := newLedger(t)
		mustRecord(t, l, charge("pi_1", "alice", 1000))
		wantContradictionsRefused(t, l)
		wantCharges(t, charges, 1)
	})

	t.Run("records a charge once, even if many servers record it at once", func(t *testing.T) {
		l, charges := newLedger(t)
		recordAtOnce(t, l, func(int) billing.Charge { return charge("pi_1", "alice", 1000) })
		wantCharges(t, charges, 1)
	})

	t.Run("records all of many charges at once", func(t *testing.T) {
		l, charges := newLedger(t)
		nth := func(i int) billing.Charge { return charge(fmt.Sprint("pi_", i), "alice", 1000) }
		recordAtOnce(t, l, nth)
		wantCharges(t, charges, callers)
	})

	t.Run("does nothing under a context that ended, and returns its error", func(t *testing.T) {
		l, charges := newLedger(t)
		ctx := endedContext(t)
		if err := l.Record(ctx, charge("pi_1", "alice", 1000)); !errors.Is(err, context.Canceled) {
			t.Errorf("Record: got %v", err)
		}
		_, _, err := l.Charged(ctx, charge("pi_1", "alice", 1000).Invoice)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Charged: got %v", err)
		}
		wantCharges(t, charges, 0)
	})
}

// wantContradictionsRefused wants an error for each charge of pi_1 with other details.
func wantContradictionsRefused(t *testing.T, l billing.Ledger) {
	t.Helper()
	for what, change := range map[string]func(*billing.Charge){
		"amount":       func(c *billing.Charge) { c.AmountMinor++ },
		"currency":     func(c *billing.Charge) { c.Currency = "eur" },
		"subscription": func(c *billing.Charge) { c.Invoice = billingtest.Invoice("bob") },
		"period":       func(c *billing.Charge) { c.Invoice.Period = january() },
	} {
		other := charge("pi_1", "alice", 1000)
		change(&other)
		if err := l.Record(t.Context(), other); err == nil {
			t.Errorf("another %s for the same PaymentIntent: want an error", what)
		}
	}
}

// callers is how many calls are made at the same time: more than any connection pool holds.
const callers = 100

func recordAtOnce(t *testing.T, l billing.Ledger, nth func(int) billing.Charge) {
	t.Helper()
	atOnce(func(i int) {
		if err := l.Record(t.Context(), nth(i)); err != nil {
			t.Errorf("call %d: %v", i, err)
		}
	})
}

func wantCharged(t *testing.T, l billing.Ledger, inv billing.Invoice, want bool) {
	t.Helper()
	if _, got, err := l.Charged(t.Context(), inv); err != nil || got != want {
		t.Errorf("%s charged: got %t, %v; want %t", inv, got, err, want)
	}
}

func wantCharges(t *testing.T, charges func(billing.Invoice) int, want int) {
	t.Helper()
	if got := charges(billingtest.Invoice("alice")); got != want {
		t.Errorf("got %d charges of Alice, want %d", got, want)
	}
}
