// Package verdict has the words for what is wrong with an invoice, and derives them from the counts
// on both sides. It is pure and imports only the standard library, so that internal/faults and
// internal/explore can use it without linking Stripe's client and Postgres'.
package verdict

import (
	"fmt"
	"slices"
	"strings"
)

// Word says what is wrong with an invoice, or that nothing is.
type Word string

// The words, worst first.
const (
	// InDoubt: the two sides contradict each other, or a person must choose what to keep. Nothing
	// is done about such an invoice.
	InDoubt Word = "in doubt"
	// Overcharged: more than one charge still has the customer's money.
	Overcharged Word = "overcharged"
	// Unbilled: due, and neither charged nor about to be. The next due run charges it.
	Unbilled Word = "unbilled"
	// NotLookedFor: due, and charged neither in the window that was listed nor in the ledger. It
	// may have been charged at another time, so the next due run may charge it twice.
	NotLookedFor Word = "not looked for"
	// Unrecorded: a charge or a refund at Stripe has no entry in the ledger.
	Unrecorded Word = "unrecorded"
	// NotAtStripe: an entry in the ledger has no charge or refund at Stripe.
	NotAtStripe Word = "recorded but not at Stripe"
	// Pending: a server has claimed the invoice and may have sent its request, or Stripe has not
	// decided on a charge or a refund yet.
	Pending Word = "pending"
	// Right: one charge has the customer's money and the ledger agrees; or the invoice is not due.
	Right Word = "right"
)

// All returns all words, worst first.
func All() []Word {
	return []Word{
		InDoubt, Overcharged, Unbilled, NotLookedFor, Unrecorded, NotAtStripe, Pending, Right,
	}
}

// Words are the verdict on one invoice: all words that are true of it, worst first. Right stands
// alone.
type Words []Word

// String joins the words with commas.
func (ws Words) String() string {
	said := make([]string, len(ws))
	for n, w := range ws {
		said[n] = string(w)
	}
	return strings.Join(said, ", ")
}

// Has reports whether w is among the words.
func (ws Words) Has(w Word) bool { return slices.Contains(ws, w) }

// Counts are an invoice's charges at Stripe and its charge entries in the ledger.
type Counts struct {
	Charges int `json:"charges"`
	Entries int `json:"entries"`
}

// String returns text such as "2 charges, 1 entry".
func (c Counts) String() string {
	charges, entries := "charges", "entries"
	if c.Charges == 1 {
		charges = "charge"
	}
	if c.Entries == 1 {
		entries = "entry"
	}
	return fmt.Sprintf("%d %s, %d %s", c.Charges, charges, c.Entries, entries)
}

// Right reports whether the invoice was charged once and recorded once.
func (c Counts) Right() bool { return c == Counts{1, 1} }

// Judge returns what the counts mean for an invoice that is due and has no refund.
func Judge(c Counts) (ws Words) {
	if c.Charges > 1 {
		ws = append(ws, Overcharged)
	}
	if c.Charges == 0 {
		ws = append(ws, Unbilled)
	}
	if c.Charges > c.Entries {
		ws = append(ws, Unrecorded)
	}
	if c.Entries > c.Charges {
		ws = append(ws, NotAtStripe)
	}
	if len(ws) == 0 {
		ws = Words{Right}
	}
	return ws
}

// Letters abbreviates the verdict: "R" for right, "OX" for overcharged and unrecorded.
func (c Counts) Letters() string {
	return strings.NewReplacer(
		string(Right), "R", string(Overcharged), "O", string(Unbilled), "U",
		string(Unrecorded), "X", string(NotAtStripe), "?", ", ", "",
	).Replace(Judge(c).String())
}
