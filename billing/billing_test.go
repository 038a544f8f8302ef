package billing_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
)

func TestPeriodIsTheMonthWhereTheTimeIs(t *testing.T) {
	t.Parallel()
	tokyo := time.FixedZone("Tokyo", 9*60*60)
	midnight := time.Date(2026, time.December, 1, 0, 0, 0, 0, tokyo)
	if got := billing.PeriodOf(midnight).String(); got != "2026-12" {
		t.Errorf("in Tokyo: got %s", got)
	}
	if got := billing.PeriodOf(midnight.UTC()).String(); got != "2026-11" {
		t.Errorf("in UTC: got %s", got)
	}
}

func TestPeriodReadsWhatItPrints(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		year := rapid.IntRange(1, 9999).Draw(t, "year")
		month := time.Month(rapid.IntRange(1, 12).Draw(t, "month"))
		want := billing.PeriodOf(time.Date(year, month, 1, 0, 0, 0, 0, time.UTC))
		if got, err := billing.ParsePeriod(want.String()); err != nil || got != want {
			t.Fatalf("%s: got %s, %v", want, got, err)
		}
	})
}

func TestParsePeriodRefusesWhatIsNoMonth(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", "2026", "2026-00", "2026-13", "2026-1", "2026-12-01", "Dec 2026", "0000-01",
		"10000-01",
	} {
		if p, err := billing.ParsePeriod(s); err == nil {
			t.Errorf("%q: got %s, want an error", s, p)
		}
	}
}

func TestAPeriodIsAMonthThatCanBeWritten(t *testing.T) {
	t.Parallel()
	for year, valid := range map[int]bool{-1: false, 0: false, 1: true, 9999: true, 10000: false} {
		p := billing.PeriodOf(time.Date(year, time.December, 1, 0, 0, 0, 0, time.UTC))
		if err := p.Validate(); (err == nil) != valid {
			t.Errorf("%s: got %v, want it valid: %t", p, err, valid)
		}
	}
	if err := (billing.Period{}).Validate(); err == nil {
		t.Error("the zero period is valid, want it refused")
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	type subscription = billing.Subscription
	for name, c := range map[string]struct {
		change func(*subscription)
		valid  bool
	}{
		"as it is":          {func(*subscription) {}, true},
		"all kinds of ID":   {func(s *subscription) { s.ID = "A-z_0.9" }, true},
		"long ID":           {func(s *subscription) { s.ID = strings.Repeat("x", 100) }, true},
		"no ID":             {func(s *subscription) { s.ID = "" }, false},
		"too long an ID":    {func(s *subscription) { s.ID = strings.Repeat("x", 101) }, false},
		"slash in the ID":   {func(s *subscription) { s.ID = "a/b" }, false},
		"colon in the ID":   {func(s *subscription) { s.ID = "a:b" }, false},
		"line break":        {func(s *subscription) { s.ID = "alice\n" }, false},
		"no customer":       {func(s *subscription) { s.Customer = "" }, false},
		"no payment method": {func(s *subscription) { s.PaymentMethod = "" }, false},
		"free":              {func(s *subscription) { s.AmountMinor = 0 }, false},
		"negative":          {func(s *subscription) { s.AmountMinor = -1 }, false},
		"currency in upper": {func(s *subscription) { s.Currency = "USD" }, false},
		"no currency":       {func(s *subscription) { s.Currency = "" }, false},
	} {
		s := billingtest.Subscription("alice")
		c.change(&s)
		if err := s.Validate(); (err == nil) != c.valid {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// The keys are the same on every server, and differ between any two invoices.
func TestInvoiceNames(t *testing.T) {
	t.Parallel()
	inv := billingtest.Invoice("alice")
	if got, want := inv.String(), "alice/2026-12"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := inv.LockKey(), "lock:billing:alice:2026-12"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestModeNamed(t *testing.T) {
	t.Parallel()
	for _, want := range billing.Modes() {
		got, err := billing.ModeNamed(want.Name)
		if err != nil || got.Name != want.Name || got.Promise == "" {
			t.Errorf("%s: got %+v, %v", want.Name, got, err)
		}
	}
	_, err := billing.ModeNamed("lucky")
	if err == nil || !strings.Contains(err.Error(), "uncoordinated") {
		t.Errorf("got %v, want an error that lists the modes", err)
	}
}
