package stripesim

import (
	"fmt"
	"slices"
	"strings"
)

// maxAmount is Stripe's limit of eight digits, in minor units.
const maxAmount = 99999999

// readAmount reads an amount in minor units; zero is not one.
func readAmount(p *params, name string, required bool) int64 {
	if required && !p.has(name) {
		p.missing(name)
		return 0
	}
	amount, sent := p.integer(name, 1)
	if sent && amount > maxAmount {
		p.fail(errInvalid("amount_too_large", name, "Amount must be no more than $999,999.99"))
	}
	return amount
}

func readCurrency(p *params) string {
	sent := p.required("currency")
	currency := strings.ToLower(sent)
	at, known := slices.BinarySearch(currencies(), currency)
	if sent == "" {
		return ""
	}
	if !known {
		p.fail(errInvalidParameter("currency", fmt.Sprintf("Invalid currency: %s. Stripe "+
			"currently supports these currencies: %s", sent, strings.Join(currencies(), ", "))))
		return ""
	}
	return currencies()[at] // not what was sent, so that every object shares one string
}

// checkMinimum refuses what Stripe finds too small to charge
// (https://stripe.com/docs/currencies#minimum-and-maximum-charge-amounts).
func checkMinimum(p *params, amount int64, currency string) {
	if least := minimum(currency); amount > 0 && amount < least {
		p.fail(errInvalid("amount_too_small", "amount", fmt.Sprintf(
			"Amount must be at least %s %s", money(least, currency), currency)))
	}
}

func minimum(currency string) int64 {
	switch currency {
	case "usd", "eur", "chf", "cad", "aud", "nzd", "sgd", "brl", "inr", "jpy":
		return 50
	case "gbp":
		return 30
	case "sek", "nok":
		return 300
	case "dkk":
		return 250
	case "aed", "pln", "ron", "myr":
		return 200
	case "bgn":
		return 100
	case "hkd":
		return 400
	case "mxn", "thb":
		return 1000
	case "czk":
		return 1500
	case "huf":
		return 17500
	}
	return 0
}

// money prints an amount for a message: $10.00, ¥500, CHF 3.50.
func money(minor int64, currency string) string {
	symbol := map[string]string{"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}[currency]
	if symbol == "" {
		symbol = strings.ToUpper(currency) + " "
	}
	if zeroDecimal(currency) {
		return fmt.Sprintf("%s%d", symbol, minor)
	}
	return fmt.Sprintf("%s%d.%02d", symbol, minor/100, minor%100)
}

// zeroDecimal are the currencies whose smallest unit is the unit itself
// (https://stripe.com/docs/currencies#zero-decimal).
func zeroDecimal(currency string) bool {
	return slices.Contains([]string{"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg",
		"rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf"}, currency)
}
