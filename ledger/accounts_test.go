package ledger_test

import (
	"fmt"
	"maps"
	"reflect"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/ledger"
)

func TestAccountsHaveAllThatTheLedgerKnows(t *testing.T) {
	t.Parallel()
	s := open(t)
	mustAdd(t, s, billingtest.Subscription("alice"), billingtest.Subscription("bob"))
	nextMonth := charge("pi_january", "alice", 1000)
	nextMonth.Invoice.Period = billing.PeriodOf(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
	mustRecord(t, s, charge("pi_1", "alice", 1000), charge("pi_2", "alice", 1000),
		charge("pi_gone", "gone", 700), nextMonth)
	refund := ledger.Refund{ID: "re_1", PaymentIntent: "pi_2", AmountMinor: 400}
	if err := s.RecordRefund(t.Context(), refund); err != nil {
		t.Fatal(err)
	}
	claims := s.Claims(ledger.ClaimOptions{Lease: time.Minute})
	for _, id := range []string{"bob", "claimed-and-gone"} {
		claim, err := claims.Take(t.Context(), billingtest.Invoice(id))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := claims.Register(t.Context(), claim, intent("pi_of_"+id)); err != nil {
			t.Fatal(err)
		}
	}

	want := []ledger.Account{
		{Subscription: "alice", DueMinor: 1000, Currency: "usd", Customer: "cus_alice",
			Charges: []ledger.ChargeEntry{{"pi_1", 1000, "usd"}, {"pi_2", 1000, "usd"}},
			Refunds: []ledger.Refund{refund}},
		{Subscription: "bob", DueMinor: 1000, Currency: "usd", Customer: "cus_bob",
			Claim: ledger.ClaimState{Generation: 1, Taken: true, Held: true, Intent: "pi_of_bob"}},
		{Subscription: "claimed-and-gone",
			Claim: ledger.ClaimState{Generation: 1, Taken: true, Held: true,
				Intent: "pi_of_claimed-and-gone"}},
		{Subscription: "gone", Charges: []ledger.ChargeEntry{{"pi_gone", 700, "usd"}}},
	}
	got, err := s.Accounts(t.Context(), billingtest.December(), "", 100)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
	for limit := 1; limit <= len(want)+1; limit++ {
		var paged []ledger.Account
		for after, more := "", true; more; {
			page, err := s.Accounts(t.Context(), billingtest.December(), after, limit)
			if err != nil {
				t.Fatal(err)
			}
			if more = len(page) > 0; more {
				after = page[len(page)-1].Subscription
				paged = append(paged, page...)
			}
			if len(page) > 3*limit {
				t.Errorf("got %d in a page of %d", len(page), limit)
			}
		}
		if !reflect.DeepEqual(paged, want) {
			t.Errorf("in pages of %d: got %+v, want %+v", limit, paged, want)
		}
	}
}

// A claim counts as taken if its request may have been sent.
func TestAClaimIsTakenUnlessItWasGivenBack(t *testing.T) {
	t.Parallel()
	soon := ledger.ClaimOptions{Lease: time.Minute, Pause: 20 * time.Hour}
	const newCard = "given back and taken again for a new card"
	noPause := ledger.ClaimOptions{Lease: time.Minute}
	for name, tt := range map[string]struct {
		options ledger.ClaimOptions
		do      func(*testing.T, ledger.Claims, billing.Invoice)
		want    ledger.ClaimState
	}{
		"taken": {soon, take, ledger.ClaimState{Taken: true, Held: true}},
		"taken for good": {ledger.ClaimOptions{}, take,
			ledger.ClaimState{Taken: true, Held: true}},
		"expired": {ledger.ClaimOptions{Lease: time.Microsecond}, take,
			ledger.ClaimState{Taken: true}},
		"given back": {soon, decline, ledger.ClaimState{}},
		"given back, for good otherwise": {
			ledger.ClaimOptions{Pause: time.Hour}, decline, ledger.ClaimState{}},
		"given back, without a pause": {noPause, decline, ledger.ClaimState{}},
		"given back and taken again": {noPause,
			func(t *testing.T, c ledger.Claims, inv billing.Invoice) {
				decline(t, c, inv)
				take(t, c, inv)
			}, ledger.ClaimState{Taken: true, Held: true}},
		// The new card doesn't wait for the pause to end, so the lease ends before it does.
		newCard: {soon, take, ledger.ClaimState{Taken: true, Held: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			inv := billingtest.Invoice("alice")
			if name == newCard {
				old := inv
				old.Subscription.PaymentMethod = "pm_old"
				mustAdd(t, s, old.Subscription)
				decline(t, s.Claims(tt.options), old)
			}
			mustAdd(t, s, inv.Subscription)
			tt.do(t, s.Claims(tt.options), inv)
			page, err := s.Accounts(t.Context(), inv.Period, "", 100)
			if tt.want.Generation = 1; name == newCard || name == "given back and taken again" {
				tt.want.Generation = 2
			}
			if err != nil || len(page) != 1 || page[0].Claim != tt.want {
				t.Errorf("got %+v, %v, want the claim %+v", page, err, tt.want)
			}
		})
	}
}

func take(t *testing.T, c ledger.Claims, inv billing.Invoice) {
	t.Helper()
	if _, err := c.Take(t.Context(), inv); err != nil {
		t.Fatal(err)
	}
}

func decline(t *testing.T, c ledger.Claims, inv billing.Invoice) {
	t.Helper()
	claim, err := c.Take(t.Context(), inv)
	if err == nil {
		err = c.Postpone(t.Context(), claim)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestRecordedForFindsEntriesOfAnyInvoice(t *testing.T) {
	t.Parallel()
	s := openAt(t, servicetest.Database(t), ledger.Options{Recorder: "server-a"})
	var asked []string
	want := map[string]string{}
	for i := range 10 {
		c := charge(fmt.Sprintf("pi_%d", i), "alice", 1000)
		c.Invoice.Period = billing.PeriodOf(time.Date(2026, time.Month(i+1), 1, 0, 0, 0, 0,
			time.UTC))
		mustRecord(t, s, c)
		if i%2 == 0 {
			asked = append(asked, c.PaymentIntent)
			want[c.PaymentIntent] = c.Invoice.String()
		}
	}
	got, err := s.RecordedFor(t.Context(), append(asked, "pi_unknown"))
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if got, err := s.RecordedFor(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("asked for nothing: got %v, %v", got, err)
	}
}
