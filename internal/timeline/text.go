package timeline

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"example.com/triplecharge/billing"
)

// width is the scale's, in characters: with a server's name and the end's label it fits 80 columns.
const width = 56

// Text draws the picture for a terminal: a line a server on a common scale, then what each did, in
// the lesson's own words. name is what the customer is called.
func (p Picture) Text(w io.Writer, name string) {
	margin := 0
	for _, lane := range p.Lanes {
		margin = max(margin, utf8.RuneCountInString(lane.Server))
	}
	end := fmt.Sprintf("%d ms", p.Length.Round(time.Millisecond).Milliseconds())
	fmt.Fprintf(w, "  %-*s  0%*s\n", margin, "", width-1, end)
	for _, lane := range p.Lanes {
		line := fmt.Sprintf("  %-*s  %s", margin, lane.Server, p.bar(lane))
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
	fmt.Fprintln(w)
	for _, lane := range p.Lanes {
		label := lane.Server
		for _, line := range lane.words(name) {
			fmt.Fprintf(w, "  %-*s  %s\n", margin, label, line)
			label = ""
		}
	}
}

// bar is a lane on the scale.
func (p Picture) bar(lane Lane) string {
	cells := []rune(strings.Repeat(" ", width))
	at := func(d time.Duration) int {
		if p.Length == 0 {
			return 0
		}
		return int(int64(width-1) * int64(d) / int64(p.Length))
	}
	// Marks go over charges, and what goes wrong over everything.
	for _, s := range lane.Steps {
		if s.Kind == Charge || s.Kind == Fail && s.To > s.From {
			for i := at(s.From); i <= at(s.To); i++ {
				cells[i] = '─'
			}
		}
	}
	for _, s := range lane.Steps {
		i := at(s.To)
		switch s.Kind {
		case Obtain:
			cells[at(s.From)] = '['
		case Charge:
			cells[i] = '$'
		case Release:
			cells[i] = ']'
		case Held, Skip:
			cells[i] = '·'
		case Fail:
			cells[i] = 'x'
		}
	}
	return string(cells)
}

// words tells what a server did, as one would tell it: what it asked Redis for on a line of its
// own, the rest on another.
func (l Lane) words(name string) []string {
	var asked, did []string
	for i, s := range l.Steps {
		e := s.Event
		switch s.Kind {
		case Obtain:
			asked = append(asked, set(e)+" → OK")
		case Held:
			asked = append(asked, set(e)+" → (nil)")
		case Charge:
			did = append(did, fmt.Sprintf("Charged %s %s%s",
				name, Money(e.AmountMinor, e.Currency), written(l.Steps[i+1:])))
		case Record:
			if i == 0 || l.Steps[i-1].Kind != Charge {
				did = append(did, "Wrote it down.")
			}
		case Skip:
			did = append(did, skipped(e.Reason, name))
		case Fail:
			// That an invoice failed is news only if nothing has said why.
			if e.Name != "invoice.failed" || !failed(l.Steps[:i]) {
				did = append(did, complaint(e))
			}
		}
	}
	if len(did) == 0 {
		did = []string{"Did nothing."}
	}
	return append(asked, strings.Join(did, " "))
}

// written ends the sentence of a charge, by what came next.
func written(next []Step) string {
	if len(next) > 0 && next[0].Kind == Record {
		return ", wrote it down."
	}
	return "."
}

func failed(steps []Step) bool {
	return slices.ContainsFunc(steps, func(s Step) bool { return s.Kind == Fail })
}

func complaint(e Event) string {
	if e.Error == "" {
		return e.Name + "."
	}
	return e.Name + ": " + e.Error + "."
}

// set is the command that asks Redis for the lease.
func set(e Event) string {
	return fmt.Sprintf("SET %s %s NX PX %d", e.Key, e.Value, e.TTLMS)
}

func skipped(reason, name string) string {
	if reason == string(billing.Skipped) {
		return fmt.Sprintf("Someone else is billing %s. Skipping.", name)
	}
	return fmt.Sprintf("The ledger says %s is billed. Skipping.", name)
}
