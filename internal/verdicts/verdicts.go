// Package verdicts says what each mode promises: how many charges and ledger entries an invoice
// has after a fault met three servers, and after one quiet run more. It is pure: it knows what to
// expect, others measure.
package verdicts

import (
	"fmt"
	"strings"
)

// Counts is what an invoice has: charges at Stripe and charge entries in the ledger.
type Counts struct {
	Charges int `json:"charges"`
	Entries int `json:"entries"`
}

func (c Counts) String() string {
	return fmt.Sprintf("%d %s, %d %s", c.Charges, plural(c.Charges, "charge", "charges"),
		c.Entries, plural(c.Entries, "entry", "entries"))
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// Verdict is what a mode comes to under a fault.
type Verdict struct {
	After     Counts // once the fault has run its course
	Recovered Counts // after one quiet run more: a fresh server, no fault
	Why       string
	Applies   bool // false: the fault can't meet the mode, and Why says so
}

// Expected returns what is expected of a mode under a fault, with three servers; without a fault
// with any number. It is false if the table has no such cell.
func Expected(mode string, f Fault, servers int) (v Verdict, ok bool) {
	column, ok := columns()[mode]
	if !ok {
		return v, false
	}
	for _, row := range table() {
		if row.fault != f {
			continue
		}
		v = parse(row.cells[column])
		v.Why = row.why(mode)
		// Without protection, every further server is a further charge.
		if f == None && v.After.Charges == threeServers {
			extra := servers - threeServers
			v.After = v.After.plus(extra)
			v.Recovered = v.Recovered.plus(extra)
		}
		return v, true
	}
	return v, false
}

const threeServers = 3

func (c Counts) plus(n int) Counts { return Counts{c.Charges + n, c.Entries + n} }

// parse reads a cell: "2/1 3/2" is two charges and one entry, then three and two; "2/1" stays so
// in the quiet run; "-" does not apply.
func parse(cell string) (v Verdict) {
	if cell == "-" {
		return v
	}
	v.Applies = true
	var c, e, rc, re int
	if n, _ := fmt.Sscanf(cell, "%d/%d %d/%d", &c, &e, &rc, &re); n == 2 {
		rc, re = c, e
	}
	v.After, v.Recovered = Counts{c, e}, Counts{rc, re}
	return v
}

// The words for what is wrong with an invoice.
const (
	Right          = "right"
	Overcharged    = "overcharged"
	Unbilled       = "unbilled"
	Unrecorded     = "unrecorded"
	NotAtStripe    = "recorded but not at Stripe"
	NotApplicable  = "n/a"
	wordsSeparator = ", "
)

// Judge says in the words of the design what the counts of an invoice that is due mean: right, or
// each of the others that is true.
func Judge(c Counts) string {
	var words []string
	if c.Charges > 1 {
		words = append(words, Overcharged)
	}
	if c.Charges == 0 {
		words = append(words, Unbilled)
	}
	if c.Charges > c.Entries {
		words = append(words, Unrecorded)
	}
	if c.Entries > c.Charges {
		words = append(words, NotAtStripe)
	}
	if len(words) == 0 {
		return Right
	}
	return strings.Join(words, wordsSeparator)
}

// Letters are Judge's words in short, such as "OX" for overcharged and unrecorded.
func (c Counts) Letters() string {
	return strings.NewReplacer(
		Right, "R", Overcharged, "O", Unbilled, "U", Unrecorded, "X", NotAtStripe, "?",
		wordsSeparator, "",
	).Replace(Judge(c))
}

// Short is what a table has room for: letters for the words, charges/entries, and what the quiet
// run makes of both where it changes them, such as "U 0/0→R 1/1" and "OX 2/1→3/2".
func (v Verdict) Short() string {
	letters := v.After.Letters()
	s := fmt.Sprintf("%s %d/%d", letters, v.After.Charges, v.After.Entries)
	if v.Recovered == v.After {
		return s
	}
	s += "→"
	if after := v.Recovered.Letters(); after != letters {
		s += after + " "
	}
	return s + fmt.Sprintf("%d/%d", v.Recovered.Charges, v.Recovered.Entries)
}
