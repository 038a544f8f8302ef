package web

import (
	"fmt"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/internal/verdicts"
)

// book is what Alice owed and paid, on both sides.
type book struct {
	Owed, AtStripe, InLedger, Verdict string
	Right                             bool
	Read                              bool // from the books, and not counted from the events
}

// asRead shows an invoice that was read from both sides.
func asRead(i reconcile.Invoice) book {
	b := book{
		Owed:     timeline.Money(i.DueMinor, i.Currency),
		AtStripe: times(i.Charges, i.ChargedMinor, i.RefundedMinor, i.Currency),
		InLedger: times(i.Entries, i.EnteredMinor, i.EnteredRefundsMinor, i.Currency),
		Right:    i.Is(reconcile.Right), Read: true,
	}
	for n, word := range words(i.Verdicts) {
		if n > 0 {
			b.Verdict += ", "
		}
		b.Verdict += word
	}
	return b
}

// counted shows what a picture has: the charges and the entries so far.
func counted(p timeline.Picture) book {
	var charges, entries int
	var charged int64
	currency := "usd"
	for _, lane := range p.Stores {
		for _, s := range lane.Steps {
			switch {
			case s.Kind == timeline.Take:
				charges++
				charged += s.Event.AmountMinor
				currency = s.Event.Currency
			case s.Kind == timeline.Record && lane.Name == timeline.Ledger:
				entries++
			}
		}
	}
	return book{
		Owed: "", AtStripe: times(charges, charged, 0, currency), InLedger: plural(entries),
		Verdict: "so far", Right: charges <= 1,
	}
}

func plural(entries int) string {
	switch entries {
	case 0:
		return "nothing"
	case 1:
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", entries)
}

// times is "3 × $10.00 = $30.00", or the plain amount of one, and what was given back of it.
func times(n int, minor, back int64, currency string) string {
	var s string
	switch {
	case n == 0:
		return "nothing"
	case n == 1 || minor%int64(n) != 0:
		s = fmt.Sprintf("%d × %s", n, timeline.Money(minor, currency))
	default:
		s = fmt.Sprintf("%d × %s = %s", n, timeline.Money(minor/int64(n), currency),
			timeline.Money(minor, currency))
	}
	if back > 0 {
		s += fmt.Sprintf(", %s given back", timeline.Money(back, currency))
	}
	return s
}

// option is one of a choice.
type option struct {
	Name, About string
	Chosen      bool
}

// form is what can be chosen before midnight.
type form struct{ Modes, Faults []option }

// form has a choice made; what there is not is as if nothing was chosen.
func (s *Site) form(mode, fault string) form {
	var f form
	for _, m := range billing.Modes() {
		if s.Mode != "" && m.Name != s.Mode {
			continue
		}
		f.Modes = append(f.Modes, option{m.Name, sentence(m.Promise), m.Name == mode})
	}
	for _, name := range verdicts.Faults() {
		if s.Mode != "" && name != verdicts.None {
			continue
		}
		f.Faults = append(f.Faults,
			option{string(name), sentence(verdicts.About(name)), string(name) == fault})
	}
	return f
}

// Mode and Fault are what is chosen; the first of each if nothing is.
func (f form) Mode() option  { return chosen(f.Modes) }
func (f form) Fault() option { return chosen(f.Faults) }

func chosen(options []option) option {
	for _, o := range options {
		if o.Chosen {
			return o
		}
	}
	return options[0]
}

// link is a run in a list.
type link struct{ Address, Words, Status string }

// kept lists the runs, the latest first.
func (s *Site) kept() []link {
	var links []link
	for _, r := range s.latest() {
		links = append(links, link{
			r.address(), r.mode + " under " + string(r.fault), r.status(r.now()),
		})
	}
	return links
}
