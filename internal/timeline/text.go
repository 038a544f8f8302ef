package timeline

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// width is the scale's, in characters: with a server's name and the end's label it fits 80 columns.
const width = 56

// Text draws the picture for a terminal: a line a server on a common scale, then what each did, in
// the lesson's own words. name is what the customer is called.
func (p Picture) Text(w io.Writer, name string) {
	margin := 0
	for _, lane := range p.Lanes {
		margin = max(margin, len(lane.Server))
	}
	end := fmt.Sprintf("%d ms", p.Length.Round(time.Millisecond).Milliseconds())
	fmt.Fprintf(w, "  %-*s  0%*s\n", margin, "", width-1, end)
	for _, lane := range p.Lanes {
		fmt.Fprintf(w, "  %-*s  %s\n", margin, lane.Server, p.bar(lane))
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
	return strings.TrimRight(string(cells), " ")
}

// words tells what a server did, as one would tell it: what it asked Redis for on a line of its
// own, the rest on another.
func (l Lane) words(name string) []string {
	var asked, did []string
	for _, s := range l.Steps {
		e := s.Event
		switch s.Kind {
		case Obtain:
			asked = append(asked, set(e)+" → OK")
		case Held:
			asked = append(asked, set(e)+" → (nil)")
		case Charge:
			did = append(did, fmt.Sprintf("Charged %s %s,", name, Money(e.AmountMinor, e.Currency)))
		case Record:
			did = append(did, "wrote it down.")
		case Skip:
			did = append(did, skipped(e.Reason, name))
		case Fail:
			did = append(did, fmt.Sprintf("%s: %s.", e.Name, e.Error))
		}
	}
	if len(did) == 0 {
		did = []string{"Did nothing."}
	}
	return append(asked, strings.Join(did, " "))
}

// set is the command that asks Redis for the lease.
func set(e Event) string {
	return fmt.Sprintf("SET %s %s NX PX %d", e.Key, e.Value, e.TTLMS)
}

func skipped(reason, name string) string {
	if reason == "skipped" {
		return fmt.Sprintf("Someone else is billing %s. Skipping.", name)
	}
	return fmt.Sprintf("The ledger says %s is billed. Skipping.", name)
}
