package trial

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"example.com/triplecharge/internal/money"
	"example.com/triplecharge/internal/stripesim/control"
)

// Invoice is what Stripe was made to take for one invoice.
type Invoice struct {
	Name        string `json:"invoice"`  // as --invoice has it, or the amount and the customer
	Customer    string `json:"customer"` // of its first charge
	AmountMinor int64  `json:"amount_minor"`
	Currency    string `json:"currency"`
	Charges     int    `json:"charges"`
	TakenMinor  int64  `json:"taken_minor"` // in all
	others      bool   // another customer paid, too
}

// String is what was taken, such as 3 × $10.00 = $30.00.
func (i Invoice) String() string {
	return money.Times(i.Charges, i.AmountMinor, i.TakenMinor, i.Currency)
}

// is reports whether i is what other is in another row. Stripe's IDs of customers differ there.
func (i Invoice) is(other Invoice, named bool) bool {
	return named && i.Name == other.Name ||
		!named && i.AmountMinor == other.AmountMinor && i.Currency == other.Currency
}

// invoices groups the charges so far, by the invoice's name or else by customer and amount.
func (p *play) invoices() (all []Invoice) {
	for _, c := range p.charges() {
		name := fmt.Sprintf("%s of %s", money.Amount(c.AmountMinor, c.Currency),
			cmp.Or(c.Customer, "no customer"))
		if p.Invoice != "" {
			if name = c.Metadata[p.Invoice]; name == "" {
				p.say("a charge has no metadata " + p.Invoice + ", which --invoice names")
			}
		}
		n := slices.IndexFunc(all, func(i Invoice) bool { return i.Name == name })
		if n < 0 {
			n = len(all)
			all = append(all, Invoice{Name: name, Customer: c.Customer,
				AmountMinor: c.AmountMinor, Currency: c.Currency})
		}
		all[n].Charges++
		all[n].TakenMinor += c.AmountMinor
		all[n].others = all[n].others || c.Customer != all[n].Customer
	}
	return all
}

// match returns what was taken for each invoice that is due, and then for each that is not, which
// is a problem, as is another amount or a second customer.
func match(due, taken []Invoice, named bool) (all []Invoice, problems []string) {
	taken = slices.Clone(taken)
	for _, want := range due {
		n := slices.IndexFunc(taken, func(i Invoice) bool { return i.is(want, named) })
		if n < 0 {
			want.Charges, want.TakenMinor = 0, 0
			all = append(all, want)
			continue
		}
		got := taken[n]
		all, taken = append(all, got), slices.Delete(taken, n, n+1)
		if got.Currency != want.Currency || got.TakenMinor != int64(got.Charges)*want.AmountMinor {
			problems = append(problems, fmt.Sprintf("took %s for %s, and one server alone takes %s",
				got, got.Name, money.Amount(want.AmountMinor, want.Currency)))
		}
		if got.others {
			problems = append(problems, "several customers paid for "+got.Name)
		}
	}
	for _, extra := range taken {
		problems = append(problems, fmt.Sprintf(
			"took %s for %s, which one server alone does not bill", extra, extra.Name))
	}
	return append(all, taken...), problems
}

// charges returns all charges so far. The simulator is ours, and answers.
func (p *play) charges() []control.Charge {
	if p.simulator == nil {
		return nil
	}
	charges, err := p.simulator.Control.ChargesSoFar(context.Background())
	if err != nil {
		p.say(err.Error())
	}
	return charges
}
