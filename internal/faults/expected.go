package faults

import (
	"fmt"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/verdict"
)

// Expectation is what is expected of a mode under a fault.
type Expectation struct {
	After     verdict.Counts // after the fault
	Recovered verdict.Counts // after a recovery run: a fresh server, no fault
	Why       string
	Applies   bool // false: the fault doesn't apply to the mode, for the reason in Why
	Known     bool // false: nothing is expected of the mode, and any counts will do
}

// NoExpectation is the sentence about a mode that has no expected cell.
func NoExpectation(mode string) string {
	return fmt.Sprintf("No expectation: internal/faults says nothing about %s here.", mode)
}

// Expected returns what is expected of the mode under the fault with this number of servers. For an
// unknown name, the error lists the modes or the faults.
func Expected(mode string, f Fault, servers int) (Expectation, error) {
	m, err := billing.ModeNamed(mode)
	if err != nil {
		return Expectation{}, err
	}
	row, err := Named(f)
	return row.Expect(m, servers), err
}

// Expect returns what is expected of the mode. That holds for the row's own number of servers and,
// without a fault, for any number.
func (r Row) Expect(m billing.Mode, servers int) (e Expectation) {
	if r.Beside == m.Name {
		return Expectation{Why: "server-a runs the same mode, so nothing is mixed"}
	}
	if why, never := r.NotFor[m.Lock]; never {
		return Expectation{Why: why}
	}
	cell, known := r.cell(m.Name)
	e = Expectation{Why: cell.Why, Applies: cell.After != NotApplicable, Known: known}
	if !e.Applies || !known {
		return e
	}
	e.After = counts(cell.After)
	e.Recovered = e.After
	if cell.Recovered != "" {
		e.Recovered = counts(cell.Recovered)
	}
	// Without protection, every further server is a further charge.
	if r.Fault == None && e.After.Charges == r.Servers {
		extra := servers - r.Servers
		for _, c := range []*verdict.Counts{&e.After, &e.Recovered} {
			*c = verdict.Counts{Charges: c.Charges + extra, Entries: c.Entries + extra}
		}
	}
	return e
}

// counts parses charges/entries. A test holds that all cells parse.
func counts(s string) (c verdict.Counts) {
	_, _ = fmt.Sscanf(s, "%d/%d", &c.Charges, &c.Entries)
	return c
}

// Met reports whether the counts are as expected. Where nothing is expected, any are.
func (e Expectation) Met(after, recovered verdict.Counts) bool {
	return !e.Applies || !e.Known || after == e.After && recovered == e.Recovered
}

// Short fits the counts into a table: letters for the words, charges/entries, and what a recovery
// run changes, such as "U 0/0→R 1/1" and "OX 2/1→3/2".
func Short(after, recovered verdict.Counts) string {
	letters := after.Letters()
	s := fmt.Sprintf("%s %d/%d", letters, after.Charges, after.Entries)
	if recovered == after {
		return s
	}
	s += "→"
	if then := recovered.Letters(); then != letters {
		s += then + " "
	}
	return s + fmt.Sprintf("%d/%d", recovered.Charges, recovered.Entries)
}

// Allowed returns the words of package verdict that the expectations of these faults allow for an
// invoice of the mode. Overcharged counts at any time, the others after the recovery run. ok is
// false if nothing is expected of the mode under one of the faults: then it promises nothing.
func Allowed(m billing.Mode, faults ...Fault) (may verdict.Words, ok bool) {
	for _, f := range faults {
		row, err := Named(f)
		e := row.Expect(m, row.Servers)
		switch {
		case err != nil || e.Applies && !e.Known:
			return nil, false
		case e.Applies:
			most := e.Recovered
			most.Charges = max(most.Charges, e.After.Charges)
			may = append(may, verdict.Judge(most)...)
		}
	}
	return may, true
}
