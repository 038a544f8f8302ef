// Package verdicts says what each mode promises: how many charges and ledger entries an invoice
// has after a due run of all servers under a fault. It is pure: it counts, others measure.
package verdicts

import (
	"fmt"
	"strings"
)

// Fault names what goes wrong in a scenario.
type Fault string

// None is the scenario in which nothing goes wrong: all servers fire at the same instant.
const None Fault = "none"

// Counts is what an invoice has: charges at Stripe and charge entries in the ledger.
type Counts struct {
	Charges, Entries int
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

// Expected returns what a mode's invoice has after the fault, with the given number of servers,
// and why in a sentence; false if the table has no such cell.
func Expected(mode string, fault Fault, servers int) (c Counts, why string, ok bool) {
	if fault != None {
		return Counts{}, "", false
	}
	switch mode {
	case "uncoordinated":
		return Counts{servers, servers}, "nothing keeps the servers from charging, so each does", true
	case "check-first":
		return Counts{servers, servers}, "all ask before any has charged, so all are told no", true
	case "naive-lock":
		return Counts{1, 1}, "the servers fire together, so all but one find the lock taken", true
	case "idempotent":
		return Counts{1, 1}, "all send the same key, so Stripe charges once and repeats its answer", true
	case "claimed", "exactly-once":
		return Counts{1, 1}, "all but one find the invoice claimed", true
	case "locked", "redlock", "fenced":
		return Counts{1, 1}, "all but one find the lease held, or the invoice charged", true
	}
	return Counts{}, "", false
}

// Judge says in the words of the design what the counts of an invoice that is due mean: "right",
// or each of "overcharged", "unbilled" and "unrecorded" that is true.
func Judge(c Counts) string {
	var words []string
	if c.Charges > 1 {
		words = append(words, "overcharged")
	}
	if c.Charges == 0 {
		words = append(words, "unbilled")
	}
	if c.Charges > c.Entries {
		words = append(words, "unrecorded")
	}
	if c.Entries > c.Charges {
		words = append(words, "recorded but not at Stripe")
	}
	if len(words) == 0 {
		return "right"
	}
	return strings.Join(words, ", ")
}
