package ledger_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/ledger"
)

// month returns a period such as "2026-12", which begins at midnight in UTC.
func month(t *testing.T, s string) ledger.Month {
	t.Helper()
	begin, err := time.Parse("2006-01", s)
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Month{Period: billing.PeriodOf(begin), Begin: &begin}
}

// beginRun begins a due run and returns the arrears, such as "2027-01: alice, bob".
func beginRun(t *testing.T, s *ledger.Store, period string, earlier ...string) (found []string) {
	t.Helper()
	var months []ledger.Month
	for _, m := range earlier {
		months = append(months, month(t, m))
	}
	all, err := s.BeginRun(t.Context(), month(t, period).Period, months)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		list := a.Invoices.(*ledger.Uncharged)
		if _, err := list.Seek(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		invoices, err := list.Due(t.Context(), a.Period, "", 500)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, inv := range invoices {
			if inv.Period != a.Period {
				t.Errorf("%s lists an invoice of %s", a.Period, inv.Period)
			}
			ids = append(ids, inv.Subscription.ID)
		}
		found = append(found, a.Period.String()+": "+strings.Join(ids, ", "))
	}
	return found
}

// Nobody is billed for a month that he doesn't owe: not those who subscribed after it, and no month
// before the first that was billed from this ledger. The months are past, whatever today is.
func TestArrearsAreWhatWasDue(t *testing.T) {
	t.Parallel()
	databaseURL := servicetest.Database(t)
	s := openAt(t, databaseURL, ledger.Options{Recorder: "server-a", Timeout: time.Hour})
	conn := connect(t, databaseURL)
	want := func(got []string, want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("got the arrears %q, want %q", got, want)
		}
	}
	mustAdd(t, s, billingtest.Subscription("alice"), billingtest.Subscription("bob"))
	want(beginRun(t, s, "2001-12", "2001-11", "2001-10"))

	paid := charge("pi_alice", "alice", 1000)
	paid.Invoice.Period = month(t, "2001-12").Period
	mustRecord(t, s, paid)
	mustAdd(t, s, billingtest.Subscription("carol")) // after the run of December
	want(beginRun(t, s, "2002-01", "2001-12", "2001-11"), "2001-12: bob")

	// A new card is no new subscription.
	mustAdd(t, s, billingtest.Subscription("bob"))
	want(beginRun(t, s, "2002-01", "2001-12"), "2001-12: bob")

	// February was missed. Dave came in February, and owes March.
	mustAdd(t, s, billingtest.Subscription("dave"))
	mustExec(t, conn, `UPDATE subscriptions SET added = CASE id WHEN 'dave'
		THEN '2002-02-10'::timestamptz ELSE '2002-01-31' END`)
	mustExec(t, conn, `UPDATE due_runs SET begun = (period || '-01')::timestamptz + '1 second'`)
	want(beginRun(t, s, "2002-03", "2002-02", "2002-01"), "2002-02: alice, bob, carol", "2002-01: ")

	// A month that has not begun, and that nobody has billed, is not in arrears.
	april := month(t, "2002-04")
	april.Begin = nil
	all, err := s.BeginRun(t.Context(), month(t, "2002-05").Period, []ledger.Month{april})
	if err != nil || len(all) != 0 {
		t.Errorf("got %v, %v, want no arrears of the future", all, err)
	}
}

func TestAScheduledTimeIsMissedOnce(t *testing.T) {
	t.Parallel()
	s := open(t)
	at := func(text string) time.Time {
		t.Helper()
		parsed, err := time.Parse(time.DateTime, text)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	var now time.Time
	want := func(last, next string, want bool) {
		t.Helper()
		got, err := s.Missed(t.Context(), billing.PeriodOf(at(last)), at(last), now,
			billing.PeriodOf(at(next)))
		if err != nil || got != want {
			t.Errorf("missed %s: got %t, %v, want %t", last, got, err, want)
		}
	}
	finish := func(due time.Time) {
		t.Helper()
		if err := s.FinishRun(t.Context(), billing.PeriodOf(due), due); err != nil {
			t.Fatal(err)
		}
	}
	// The first servers, which start together. No month before February is theirs.
	now = at("2027-01-10 12:00:00")
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() { want("2027-01-01 00:00:00", "2027-02-01 00:00:00", false) })
	}
	all.Wait()
	want("2027-01-01 00:00:00", "2027-02-01 00:00:00", false)

	now = at("2027-02-01 00:05:00")
	want("2027-02-01 00:00:00", "2027-03-01 00:00:00", true)
	beginRun(t, s, "2027-02")
	want("2027-02-01 00:00:00", "2027-03-01 00:00:00", true) // it did not finish
	finish(at("2027-02-01 00:00:00"))
	want("2027-02-01 00:00:00", "2027-03-01 00:00:00", false)

	// A run of the far future, which somebody has forced, makes up for nothing.
	now = at("2027-03-02 00:00:00")
	beginRun(t, s, "2062-01")
	finish(at("2062-01-01 00:00:00"))
	want("2027-03-01 00:00:00", "2027-04-01 00:00:00", true)
	beginRun(t, s, "2027-03")
	finish(at("2027-03-01 23:00:00")) // a person's
	want("2027-03-01 00:00:00", "2027-04-01 00:00:00", false)
	want("2027-03-02 00:00:00", "2027-04-01 00:00:00", true)
}
