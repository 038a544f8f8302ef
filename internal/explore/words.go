package explore

import (
	"fmt"
	"slices"

	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/money"
)

// String says what is explored.
func (o Options) String() string {
	what := fmt.Sprintf("%s, %s, ", o.Mode.Name, money.Count(o.Servers, "server"))
	some := "up to " + money.Count(o.Faults, "fault")
	switch {
	case slices.Equal(o.Only, []faults.Fault{faults.Late}):
		return what + "one after another:"
	case o.Only == nil && o.Faults == 0, slices.Equal(o.Only, []faults.Fault{faults.None}):
		return what + "no faults:"
	case o.Only == nil:
		return what + some + " of any kind, at any point:"
	case len(o.Only) == 1:
		what += "with this fault, at any point:"
	default:
		what += some + " of these, at any point:"
	}
	for _, f := range o.Only {
		row, _ := faults.Named(f) // Validate has looked it up
		what += fmt.Sprintf("\n  %s: %s", f, row.Text)
	}
	return what
}

// String says how much was searched, and whether something is wrong.
func (r Result) String() string {
	searched := fmt.Sprintf("%s, %s, %s, in %.1f s", money.Count(r.States, "state"),
		money.Count(r.Moves, "move"), r.schedules(), r.Took.Seconds())
	if len(r.Shortest) == 0 {
		return searched + ": nothing is wrong in any."
	}
	return searched + ": something is wrong in " + money.Number(r.Violations) + "."
}

func (r Result) schedules() string {
	if r.Schedules == 0 {
		return "too many schedules to count"
	}
	const exact = 1e15 // below this a float64 is exact, and people can read the number
	if r.Schedules < exact {
		return money.Count(int(r.Schedules), "schedule")
	}
	return fmt.Sprintf("%.1e schedules", r.Schedules)
}

// Judge says whether what was found is what the mode promises with these options.
func (o Options) Judge(r Result) string {
	s, broken := o.Broken(r.Shortest)
	switch {
	case broken:
		return fmt.Sprintf("NOT AS EXPECTED: %s must never be %s here.", o.Mode.Name, s.Wrong)
	case o.Promised() && len(r.Shortest) > 0:
		return fmt.Sprintf("As expected: %s does not survive that.", o.Mode.Name)
	case len(r.Shortest) > 0:
		return faults.NoExpectation(o.Mode.Name)
	}
	return "Never two charges, never an entry without a charge; in the end, one of each."
}
