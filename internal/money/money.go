// Package money writes amounts and counts as people do: $1,000.00, ¥1,000, 3 charges, 1 entry.
package money

import (
	"fmt"
	"strconv"
	"strings"
)

// Amount returns an amount, which is given in the currency's smallest unit, as text: $10.00,
// ¥1,000, 10.00 CHF, -$10.00. The currency is in lower case, as at Stripe.
func Amount(minor int64, currency string) string {
	sign, left := "", uint64(minor)
	if minor < 0 {
		sign, left = "-", -left // also right for the smallest int64, which can't be negated
	}
	unit, n := uint64(1), decimals(currency)
	for range n {
		unit *= 10
	}
	text := Number(left / unit)
	if n > 0 {
		text += fmt.Sprintf(".%0*d", n, left%unit)
	}
	symbols := map[string]string{"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}
	if symbol, ok := symbols[currency]; ok {
		return sign + symbol + text
	}
	return sign + text + " " + strings.ToUpper(currency)
}

// decimals returns the number of digits after the decimal point in amounts at Stripe. The lists are
// from https://docs.stripe.com/currencies#minor-units. golang.org/x/text/currency follows Unicode,
// which differs from Stripe for 22 currencies: the Icelandic krona and the Ugandan shilling have no
// decimals there, and two at Stripe (https://docs.stripe.com/currencies#special-cases). A list of
// exceptions would be longer than these.
func decimals(currency string) int {
	switch currency {
	case "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf",
		"xof", "xpf":
		return 0
	case "bhd", "jod", "kwd", "omr", "tnd":
		return 3
	}
	return 2
}

// Number returns a number with a comma before every three digits. golang.org/x/text/message, which
// can, takes a second of the time in which a newcomer's first `go run` compiles.
func Number[N int | int64 | uint64](n N) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Count returns a count with its noun, which is given in the singular: 1 charge, 3 entries.
func Count(n int, noun string) string {
	if n != 1 {
		if stem, ok := strings.CutSuffix(noun, "ry"); ok {
			noun = stem + "rie"
		}
		noun += "s"
	}
	return Number(n) + " " + noun
}

// Times returns the sum of n amounts as text: 3 × $10.00 = $30.00 if each fits the sum, otherwise
// 3, $31.00 in all.
func Times(n int, each, sum int64, currency string) string {
	switch {
	case n == 0:
		return "nothing"
	case n == 1:
		return "1 × " + Amount(sum, currency)
	case sum == int64(n)*each:
		return fmt.Sprintf("%s × %s = %s", Number(n), Amount(each, currency),
			Amount(sum, currency))
	}
	return fmt.Sprintf("%s, %s in all", Number(n), Amount(sum, currency))
}

// Parse reads an amount that Amount or a spreadsheet has written without its symbol: 1234.56,
// "1,234.56" or "1.234,56". A single mark before three digits could mean both, and is an error
// unless it is a comma.
func Parse(text, currency string) (minor int64, err error) {
	bad := fmt.Errorf("amount %q: want one such as 1234.56", text)
	n, whole, part := decimals(currency), text, ""
	if i := strings.LastIndexAny(text, ".,"); i >= 0 {
		mark, digits := text[i:i+1], len(text)-i-1
		switch {
		case digits == 3 && n != 3 && (mark == "," || strings.Count(text, mark) > 1):
		case digits > max(n, 2):
			return 0, bad
		default:
			whole, part = text[:i], text[i+1:]
		}
	}
	whole = strings.NewReplacer(",", "", ".", "").Replace(whole)
	if extra := len(part) - n; extra > 0 {
		if strings.Trim(part[n:], "0") != "" {
			return 0, bad
		}
		part = part[:n]
	}
	minor, err = strconv.ParseInt(whole+part+strings.Repeat("0", n-len(part)), 10, 64)
	if err != nil || minor < 0 || strings.HasPrefix(whole, "+") {
		return 0, bad
	}
	return minor, nil
}
