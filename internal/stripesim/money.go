package stripesim

import (
	"fmt"
	"slices"
	"strings"
)

// currencies are the currencies Stripe charges in, sorted (https://docs.stripe.com/currencies).
var currencies = []string{
	"aed", "afn", "all", "amd", "ang", "aoa", "ars", "aud", "awg", "azn", "bam", "bbd", "bdt",
	"bgn", "bhd", "bif", "bmd", "bnd", "bob", "brl", "bsd", "bwp", "byn", "bzd", "cad", "cdf",
	"chf", "clp", "cny", "cop", "crc", "cve", "czk", "djf", "dkk", "dop", "dzd", "egp", "etb",
	"eur", "fjd", "fkp", "gbp", "gel", "gip", "gmd", "gnf", "gtq", "gyd", "hkd", "hnl", "hrk",
	"htg", "huf", "idr", "ils", "inr", "isk", "jmd", "jod", "jpy", "kes", "kgs", "khr", "kmf",
	"krw", "kwd", "kyd", "kzt", "lak", "lbp", "lkr", "lrd", "lsl", "mad", "mdl", "mga", "mkd",
	"mmk", "mnt", "mop", "mur", "mvr", "mwk", "mxn", "myr", "mzn", "nad", "ngn", "nio", "nok",
	"npr", "nzd", "omr", "pab", "pen", "pgk", "php", "pkr", "pln", "pyg", "qar", "ron", "rsd",
	"rub", "rwf", "sar", "sbd", "scr", "sek", "sgd", "shp", "sle", "sos", "srd", "std", "szl",
	"thb", "tjs", "tnd", "top", "try", "ttd", "twd", "tzs", "uah", "ugx", "usd", "uyu", "uzs",
	"vnd", "vuv", "wst", "xaf", "xcd", "xof", "xpf", "yer", "zar", "zmw",
}

// maxAmount is Stripe's limit of eight digits, in minor units.
const maxAmount = 99999999

// CheckAmount says why Stripe would not charge an amount, in minor units, in a currency.
func CheckAmount(minor int64, currency string) error {
	_, known := slices.BinarySearch(currencies, currency)
	switch {
	case !known:
		return fmt.Errorf("currency %q: it is none of Stripe's", currency)
	case minor > maxAmount || minor < minimums[currency]:
		return fmt.Errorf("amount %d: Stripe charges from %d to %d in %s", minor,
			max(1, minimums[currency]), maxAmount, currency)
	case minor%steps(currency) != 0:
		return fmt.Errorf("amount %d: want a multiple of %d in %s", minor, steps(currency),
			currency)
	}
	return nil
}

// readAmount reads an amount in minor units, which must be positive.
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

// readPrice reads the amount and currency that every payment has.
func readPrice(p *params) (amount int64, currency string) {
	amount, currency = readAmount(p, "amount", true), readCurrency(p)
	checkMinimum(p, amount, currency)
	return amount, currency
}

func readCurrency(p *params) string {
	sent := p.required("currency")
	currency := strings.ToLower(sent)
	at, known := slices.BinarySearch(currencies, currency)
	if sent == "" {
		return ""
	}
	if !known {
		p.fail(errInvalid("", "currency", "Invalid currency: %s. Stripe "+
			"currently supports these currencies: %s", sent, strings.Join(currencies, ", ")))
		return ""
	}
	return currencies[at] // not the string that was sent: all objects share this one
}

// steps is the smallest difference between two amounts. Three-decimal currencies end in 0; ISK and
// UGX are written with two decimals that they do not have (https://docs.stripe.com/currencies).
func steps(currency string) int64 {
	switch currency {
	case "bhd", "jod", "kwd", "omr", "tnd":
		return 10
	case "isk", "ugx":
		return 100
	}
	return 1
}

// checkMinimum refuses amounts that a currency does not have, or that are too small to charge
// (https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts).
func checkMinimum(p *params, amount int64, currency string) {
	if step := steps(currency); amount%step != 0 {
		p.fail(errInvalid("parameter_invalid_integer", "amount", "Invalid amount: %d. Amounts "+
			"in %s must be divisible by %d.", amount, currency, step))
	}
	if least := minimums[currency]; amount > 0 && amount < least {
		p.fail(errInvalid("amount_too_small", "amount", "Amount must be at least %s %s",
			money(least, currency), currency))
	}
}

// minimums are the smallest charges by currency, in minor units; others have none here.
var minimums = map[string]int64{
	"aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250,
	"eur": 50, "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200,
	"nok": 300, "nzd": 50, "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000, "usd": 50,
}

// money prints an amount for a message: $10.00, ¥500, CHF 3.50. Which currencies have no decimals,
// or three, is Stripe's list (https://docs.stripe.com/currencies#minor-units). x/text/currency has
// the Unicode consortium's, which differs for 22 of Stripe's currencies: the exceptions would be
// longer than the list.
func money(minor int64, currency string) string {
	symbol := map[string]string{"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}[currency]
	if symbol == "" {
		symbol = strings.ToUpper(currency) + " "
	}
	unit, decimals := int64(100), 2
	switch currency {
	case "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv",
		"xaf", "xof", "xpf":
		return fmt.Sprintf("%s%d", symbol, minor)
	case "bhd", "jod", "kwd", "omr", "tnd":
		unit, decimals = 1000, 3
	}
	return fmt.Sprintf("%s%d.%0*d", symbol, minor/unit, decimals, minor%unit)
}
