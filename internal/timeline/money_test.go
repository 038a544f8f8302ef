package timeline_test

import (
	"math"
	"testing"

	"example.com/triplecharge/internal/timeline"
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
		{123456789, "usd", "$1234567.89"},
		{-1000, "usd", "-$10.00"},
		{-1, "usd", "-$0.01"},
		{-150, "gbp", "-£1.50"},
		{2550, "eur", "€25.50"},
		{1000, "jpy", "¥1000"},
		{-1000, "jpy", "-¥1000"},
		{0, "jpy", "¥0"},
		{1000, "chf", "10.00 CHF"},
		{-5, "chf", "-0.05 CHF"},
		{1000, "krw", "1000 KRW"},
		{5124, "kwd", "5.124 KWD"},
		{7, "kwd", "0.007 KWD"},
		{math.MinInt64, "usd", "-$92233720368547758.08"},
	} {
		if got := timeline.Money(test.minor, test.currency); got != test.want {
			t.Errorf("%d %s: got %s, want %s", test.minor, test.currency, got, test.want)
		}
	}
}
