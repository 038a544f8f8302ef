package suspects

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"strconv"
)

// Line is a line of the CSV that a Report prints.
type Line struct {
	Suspect     string
	Payment     string // pi_… if it is known, else ch_… or py_…
	AmountMinor int64
	LeftMinor   int64 // less what was refunded
	BackMinor   int64 // all that is left, to give back; 0: nothing
	Currency    string
	Kept        []Line // of a line to give back: those of the same suspect that keep money
}

var (
	anID       = regexp.MustCompile(`^(pi|ch|py)_[A-Za-z0-9_]{1,250}$`)
	aCurrency  = regexp.MustCompile(`^[a-z]{3}$`)
	errEdited  = "want 0 or %d, all that is left: refund a part at the Dashboard instead"
	csvColumns = []string{"suspect", "sure", "payment", "payment_intent", "created",
		"amount_minor", "refunded_minor", "currency", "customer", "give_back_minor", "why"}
)

// Lines reads the CSV that a Report has printed, from which a person may have deleted lines. It
// checks each of them, since money is given back by them.
func Lines(r io.Reader) (lines []Line, err error) {
	seen, kept := map[string]bool{}, map[string][]Line{}
	err = table(r, csvColumns, func(c columns, row []string) error {
		l := Line{
			Suspect: c.get(row, "suspect"), Currency: c.get(row, "currency"),
			Payment: cmp.Or(c.get(row, "payment_intent"), c.get(row, "payment")),
		}
		switch {
		case !anID.MatchString(l.Payment):
			return fmt.Errorf("%q is no ID of a payment", l.Payment)
		case !aCurrency.MatchString(l.Currency):
			return fmt.Errorf("%q is no currency", l.Currency)
		case seen[l.Payment]:
			return fmt.Errorf("%s has two lines: delete one", l.Payment)
		}
		seen[l.Payment] = true
		var refunded int64
		for name, to := range map[string]*int64{
			"amount_minor": &l.AmountMinor, "refunded_minor": &refunded,
			"give_back_minor": &l.BackMinor,
		} {
			if *to, err = strconv.ParseInt(c.get(row, name), 10, 64); err != nil || *to < 0 {
				return fmt.Errorf("%s is %q: want a whole number", name, c.get(row, name))
			}
		}
		l.LeftMinor = l.AmountMinor - refunded
		switch {
		case l.BackMinor != 0 && l.BackMinor != l.LeftMinor:
			return fmt.Errorf("give_back_minor is %d: "+errEdited, l.BackMinor, l.LeftMinor)
		case l.BackMinor == 0 && l.LeftMinor > 0:
			kept[l.Suspect] = append(kept[l.Suspect], l)
		}
		lines = append(lines, l)
		return nil
	})
	for n, l := range lines {
		lines[n].Kept = kept[l.Suspect]
		if err == nil && l.BackMinor > 0 && len(lines[n].Kept) == 0 {
			err = fmt.Errorf("nothing is kept of suspect %s: leave the line of the payment to "+
				"keep, with 0 as its give_back_minor", l.Suspect)
		}
	}
	return lines, err
}
