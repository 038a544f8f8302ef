package reconcile

import (
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/verdict"
	"example.com/triplecharge/ledger"
)

// These states can't be made from outside: a dispute, and a change between two reads.

// charge returns a charge of alice's, created at this second.
func charge(id string, second int64) stripecharge.Intent {
	return stripecharge.Intent{
		ID: id, Ledger: "led_1", Subscription: "alice", Period: "2026-12", Customer: "cus_alice",
		State: stripecharge.Succeeded, AmountMinor: 1000, RemainingMinor: 1000, Currency: "usd",
		Created: time.Unix(second, 0),
	}
}

// alice returns the account of alice, who owes $10, with these recorded charges.
func alice(recorded ...string) ledger.Account {
	a := ledger.Account{
		Subscription: "alice", DueMinor: 1000, Currency: "usd", Customer: "cus_alice",
	}
	for _, id := range recorded {
		a.Charges = append(a.Charges, ledger.ChargeEntry{
			PaymentIntent: id, AmountMinor: 1000, Currency: "usd",
		})
	}
	return a
}

func TestDuplicatesOneOfWhichIsDisputedAreLeftToAPerson(t *testing.T) {
	t.Parallel()
	for _, disputed := range []int{0, 1} {
		intents := []stripecharge.Intent{charge("pi_1", 1), charge("pi_2", 2)}
		intents[disputed].Disputed = true
		i := judge(evidence{
			ledger: "led_1", period: "2026-12", account: alice("pi_1", "pi_2"),
			intents: intents,
		})
		if !i.Is(verdict.InDoubt) || !i.Is(verdict.Overcharged) || len(i.ToDo) > 0 {
			t.Errorf("got %+v, want it overcharged, in doubt and left", i)
		}
	}
	// A disputed charge counts like any other if it is the only one.
	one := charge("pi_1", 1)
	one.Disputed = true
	i := judge(evidence{
		ledger: "led_1", period: "2026-12", account: alice("pi_1"),
		intents: []stripecharge.Intent{one},
	})
	if !i.Is(verdict.Right) {
		t.Errorf("got %+v, want it right", i)
	}
}

func TestAChargeThatWasRecordedWhileWeLookedIsRecorded(t *testing.T) {
	t.Parallel()
	i := judge(evidence{
		ledger: "led_1", period: "2026-12", account: alice(),
		intents:     []stripecharge.Intent{charge("pi_1", 1)},
		recordedFor: map[string]string{"pi_1": "alice/2026-12"},
	})
	if !i.Is(verdict.Right) || i.Entries != 1 || i.EnteredMinor != 1000 || len(i.ToDo) > 0 {
		t.Errorf("got %+v, want it right", i)
	}
}

func TestARegisteredPaymentIntentThatIsCanceledIsRemarkedOn(t *testing.T) {
	t.Parallel()
	canceled := charge("pi_1", 1)
	canceled.State, canceled.AmountMinor, canceled.RemainingMinor = stripecharge.Canceled, 0, 0
	account := alice()
	account.Claim = ledger.ClaimState{Taken: true, Intent: "pi_1"}
	i := judge(evidence{
		ledger: "led_1", period: "2026-12", account: account,
		intents: []stripecharge.Intent{canceled},
	})
	if !i.Is(verdict.Pending) || !slices.ContainsFunc(i.Remarks, func(s string) bool {
		return strings.Contains(s, "canceled")
	}) {
		t.Errorf("got %+v, want it pending, and what the next due run does", i)
	}
}

func TestNothingIsDoneAboutAnInvoiceInDoubt(t *testing.T) {
	t.Parallel()
	other := charge("pi_3", 3)
	other.Customer = "cus_mallory"
	i := judge(evidence{
		ledger: "led_1", period: "2026-12", account: alice("pi_1"),
		intents: []stripecharge.Intent{charge("pi_1", 1), charge("pi_2", 2), other},
	})
	want := verdict.Words{verdict.InDoubt, verdict.Overcharged, verdict.Unrecorded}
	if !slices.Equal(i.Verdicts, want) || len(i.ToDo) > 0 || i.Kept != "" {
		t.Errorf("got %+v, want %v and nothing to do", i, want)
	}
}
