package stripesim

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"unique"

	"example.com/triplecharge/internal/money"
)

type currency struct {
	// step is the smallest difference between two amounts in minor units. Three-decimal currencies
	// end in 0; ISK and UGX are written with two decimals that they do not have
	// (https://docs.stripe.com/currencies).
	step int64
	// least is the smallest charge in minor units; zero: none is known
	// (https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts).
	least int64
}

//go:embed currencies.txt
var currenciesFile string

// currencies are those of currencies.txt by code. Its lines are a code, step and least.
var currencies = sync.OnceValue(func() map[string]currency {
	all := make(map[string]currency)
	for line := range strings.Lines(currenciesFile) {
		var code string
		var c currency
		_, _ = fmt.Sscan(line, &code, &c.step, &c.least) // a test reads every line
		all[code] = c
	}
	return all
})

// maxAmount is Stripe's limit of eight digits, in minor units.
const maxAmount = 99999999

// CheckAmount says why Stripe would not charge an amount, in minor units, in a currency.
func CheckAmount(minor int64, currency string) error {
	c, known := currencies()[currency]
	switch {
	case !known:
		return fmt.Errorf("currency %q: it is none of Stripe's", currency)
	case minor > maxAmount || minor < c.least:
		return fmt.Errorf("amount %d: Stripe charges from %d to %d in %s", minor, max(1, c.least),
			maxAmount, currency)
	case minor%c.step != 0:
		return fmt.Errorf("amount %d: want a multiple of %d in %s", minor, c.step, currency)
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
	code := strings.ToLower(sent)
	if _, known := currencies()[code]; !known && sent != "" {
		p.fail(errInvalid("", "currency", "Invalid currency: %s. Stripe currently supports these "+
			"currencies: %s", sent, strings.Join(slices.Sorted(maps.Keys(currencies())), ", ")))
	}
	return unique.Make(code).Value() // not the string that was sent: all objects share this one
}

// checkMinimum refuses amounts that a currency does not have, or that are too small to charge. A
// wrong currency was refused before.
func checkMinimum(p *params, amount int64, currency string) {
	c, known := currencies()[currency]
	if known && amount%c.step != 0 {
		p.fail(errInvalid("parameter_invalid_integer", "amount", "Invalid amount: %d. Amounts "+
			"in %s must be divisible by %d.", amount, currency, c.step))
	}
	if amount > 0 && amount < c.least {
		p.fail(errInvalid("amount_too_small", "amount", "Amount must be at least %s %s",
			money.Amount(c.least, currency), currency))
	}
}
