package ledger_test

import (
	"reflect"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/ledger"
)

func TestAudit(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, id := range []string{"alice", "bob", "carol", "dan"} {
		mustAdd(t, s, billingtest.Subscription(id))
	}
	inEuros := charge("pi_dan", "dan", 900)
	inEuros.Currency = "eur"
	nextMonth := charge("pi_january", "bob", 1000)
	nextMonth.Invoice.Period = billing.PeriodOf(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
	mustRecord(t, s,
		charge("pi_alice_1", "alice", 1000),
		charge("pi_alice_2", "alice", 1000),
		charge("pi_alice_3", "alice", 1000),
		charge("pi_bob", "bob", 1000),
		charge("pi_gone", "gone", 700),
		inEuros,
		nextMonth,
	)
	for _, r := range []ledger.Refund{
		{ID: "re_1", PaymentIntent: "pi_alice_2", AmountMinor: 1000},
		{ID: "re_2", PaymentIntent: "pi_alice_3", AmountMinor: 400},
	} {
		if err := s.RecordRefund(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}

	got, err := s.Audit(t.Context(), billingtest.December())
	want := ledger.Audit{
		Period: billingtest.December(),
		Invoices: []ledger.Line{
			{"alice", "usd", 1000, 3, 3000, 2, 1400},
			{"bob", "usd", 1000, 1, 1000, 0, 0},
			{"carol", "usd", 1000, 0, 0, 0, 0},
			{"dan", "eur", 0, 1, 900, 0, 0},
			{"dan", "usd", 1000, 0, 0, 0, 0},
			{"gone", "usd", 0, 1, 700, 0, 0},
		},
		Totals: []ledger.Line{
			{"", "eur", 0, 1, 900, 0, 0},
			{"", "usd", 4000, 5, 4700, 2, 1400},
		},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
	if net := got.Invoices[0].NetMinor(); net != 1600 {
		t.Errorf("alice paid %d net, want 1600", net)
	}
}

func TestAuditOfAnEmptyLedger(t *testing.T) {
	t.Parallel()
	got, err := open(t).Audit(t.Context(), billingtest.December())
	if err != nil || len(got.Invoices)+len(got.Totals) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}
