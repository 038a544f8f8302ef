package web

import (
	"example.com/triplecharge/internal/money"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/internal/verdict"
)

// account is Alice's invoice on both sides, as the page shows it.
type account struct {
	Owed, AtStripe, InLedger, Verdict string
	Right                             bool
	Read                              bool // from both sides, not counted from the events
}

// readAccount shows an invoice as it was read from both sides.
func readAccount(i reconcile.Invoice) account {
	return account{
		Owed:     money.Amount(i.DueMinor, i.Currency),
		AtStripe: i.AtStripe(), InLedger: i.InLedger(), Verdict: i.Verdicts.String(),
		Right: i.Is(verdict.Right), Read: true,
	}
}

// countedAccount counts the charges and entries in a picture of the run so far.
func countedAccount(p timeline.Picture) account {
	var charges, entries int
	var each, charged int64
	currency := "usd"
	for _, lane := range p.Stores {
		for _, s := range lane.Steps {
			switch {
			case s.Kind == timeline.Take:
				charges++
				each, currency = s.Event.AmountMinor, s.Event.Currency
				charged += each
			case s.Kind == timeline.Record && lane.Name == timeline.Ledger:
				entries++
			}
		}
	}
	inLedger := "nothing"
	if entries > 0 {
		inLedger = money.Count(entries, "entry")
	}
	return account{
		AtStripe: money.Times(charges, each, charged, currency), InLedger: inLedger,
		Verdict: "so far", Right: charges <= 1,
	}
}
