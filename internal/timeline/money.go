package timeline

import (
	"fmt"
	"strings"
)

// Money writes an amount in a currency's smallest unit as people do: $10.00, ¥1000, 10.00 CHF.
func Money(minor int64, currency string) string {
	amount := fmt.Sprintf("%d.%02d", minor/100, abs(minor%100))
	if minor < 0 && minor > -100 {
		amount = "-" + amount
	}
	if zeroDecimal(currency) {
		amount = fmt.Sprint(minor)
	}
	symbols := map[string]string{"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}
	if s, ok := symbols[currency]; ok {
		return s + amount
	}
	return amount + " " + strings.ToUpper(currency)
}

func abs(n int64) int64 { return max(n, -n) }

// zeroDecimal says whether the currency has no smaller unit:
// https://docs.stripe.com/currencies#zero-decimal.
func zeroDecimal(currency string) bool {
	switch currency {
	case "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv",
		"xaf", "xof", "xpf":
		return true
	}
	return false
}
