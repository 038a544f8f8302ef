package timeline

import (
	"fmt"
	"strings"
)

// Money writes an amount in a currency's smallest unit as people do: $10.00, ¥1000, 10.00 CHF.
// Money that is given back is -$10.00.
func Money(minor int64, currency string) string {
	sign, digits := "", fmt.Sprint(minor)
	if minor < 0 {
		sign, digits = "-", digits[1:]
	}
	if n := decimals(currency); n > 0 {
		digits = strings.Repeat("0", max(0, n+1-len(digits))) + digits
		point := len(digits) - n
		digits = digits[:point] + "." + digits[point:]
	}
	symbols := map[string]string{"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}
	if symbol, ok := symbols[currency]; ok {
		return sign + symbol + digits
	}
	return sign + digits + " " + strings.ToUpper(currency)
}

// decimals is how many digits of an amount are behind the point:
// https://docs.stripe.com/currencies#minor-units.
func decimals(currency string) int {
	switch currency {
	case "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv",
		"xaf", "xof", "xpf":
		return 0
	case "bhd", "jod", "kwd", "omr", "tnd":
		return 3
	}
	return 2
}
