package money_test

import (
	"math"
	"testing"

	"example.com/triplecharge/internal/money"
)

func TestMoneyIsWrittenAsPeopleDo(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		minor    int64
		currency string
		want     string
	}{
		{1000, "usd", "$10.00"},
		{1, "usd", "$0.01"},
		{99, "usd", "$0.99"},
		{0, "usd", "$0.00"},
		{123456789, "usd", "$1,234,567.89"},
		{-1000, "usd", "-$10.00"},
		{-1, "usd", "-$0.01"},
		{-150, "gbp", "-£1.50"},
		{2550, "eur", "€25.50"},
		{1000, "jpy", "¥1,000"},
		{-1000, "jpy", "-¥1,000"},
		{0, "jpy", "¥0"},
		{500, "ugx", "5.00 UGX"},
		{1000, "chf", "10.00 CHF"},
		{-5, "chf", "-0.05 CHF"},
		{1000, "krw", "1,000 KRW"},
		{5124, "kwd", "5.124 KWD"},
		{7, "kwd", "0.007 KWD"},
		{math.MinInt64, "usd", "-$92,233,720,368,547,758.08"},
	} {
		if got := money.Amount(test.minor, test.currency); got != test.want {
			t.Errorf("%d %s: got %s, want %s", test.minor, test.currency, got, test.want)
		}
	}
}

func TestCountsAreWrittenAsPeopleDo(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"0 charges":                 money.Count(0, "charge"),
		"1 charge":                  money.Count(1, "charge"),
		"1,234 charges":             money.Count(1234, "charge"),
		"1 entry":                   money.Count(1, "entry"),
		"3 entries":                 money.Count(3, "entry"),
		"nothing":                   money.Times(0, 1000, 0, "usd"),
		"1 × $12.00":                money.Times(1, 1000, 1200, "usd"),
		"3 × $10.00 = $30.00":       money.Times(3, 1000, 3000, "usd"),
		"2, $21.00 in all":          money.Times(2, 1000, 2100, "usd"),
		"2 × 1.000 KWD = 2.000 KWD": money.Times(2, 1000, 2000, "kwd"),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
