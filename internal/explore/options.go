package explore

import (
	"cmp"
	"fmt"
	"slices"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/money"
	"example.com/triplecharge/internal/verdict"
)

// Options say what to explore. Mode and Servers must be set.
type Options struct {
	Mode    billing.Mode
	Servers int // 1 to MaxServers
	// Faults is how many faults a schedule may have, 0 to MaxFaults. A fault of the matrix that
	// needs several, such as a crash and a forgotten key, counts as several.
	Faults int
	// Only are the faults of the matrix that may happen; nil: any fault, at any point.
	Only []faults.Fault
	// Workers is how many goroutines search; 0: one per processor.
	Workers int
	// MaxBytes is the memory that may be in use at the end of a step of the search, by all of this
	// process; 0: no limit. A search that needs more ends with ErrTooLarge.
	MaxBytes uint64
}

// Validate reports the first thing that keeps the options from being explored.
func (o Options) Validate() error {
	if o.Servers < 1 || o.Servers > MaxServers {
		return fmt.Errorf("%d servers: want 1 to %d", o.Servers, MaxServers)
	}
	if _, known := locks()[o.Mode.Lock]; !known {
		return fmt.Errorf("the explorer has no lock of the kind %q", o.Mode.Lock)
	}
	if o.Faults < 0 || o.Faults > MaxFaults {
		return fmt.Errorf("%d faults: want 0 to %d", o.Faults, MaxFaults)
	}
	for _, f := range o.Only {
		row, err := faults.Named(f)
		if err != nil {
			return err
		}
		if _, known := scenarios()[f]; !known {
			return fmt.Errorf("the explorer has no rule for %s", f)
		}
		if e := row.Expect(o.Mode, o.Servers); !e.Applies {
			return fmt.Errorf("%s doesn't apply to %s: %s", f, o.Mode.Name, e.Why)
		}
	}
	return nil
}

// start returns the rules of the faults that may happen, and the first world. Several faults share
// one budget, so that any of them may happen in place of another.
func (o Options) start() (rules []rule, w world) {
	w = world{many: uint8(o.Servers), card: oldCard}
	if o.Only == nil {
		w.left[0] = uint8(o.Faults)
		return anything(), w
	}
	for _, f := range o.Only {
		for _, r := range scenarios()[f] {
			w.left[r.budget] = r.most
			if len(o.Only) > 1 {
				r.budget = 0
			}
			rules = append(rules, r)
		}
	}
	if len(o.Only) > 1 {
		w.left = [maxBudgets]uint8{uint8(o.Faults)}
	}
	for i := range w.left {
		w.left[i] = min(w.left[i], uint8(o.Faults))
	}
	if o.beside() != "" {
		w.servers[0].program = 1
	}
	return rules, w
}

// late reports whether servers run one after another, never two at a time.
func (o Options) late() bool { return len(o.Only) == 1 && o.Only[0] == faults.Late }

// beside names the mode that the first server runs instead; "" if it runs the same as the others.
func (o Options) beside() (mode string) {
	for _, f := range o.Only {
		row, _ := faults.Named(f) // Validate has looked it up
		mode = cmp.Or(mode, row.Beside)
	}
	return mode
}

// historiesOf returns the histories of the mode and of the mode beside it, if there is one.
func historiesOf(mode billing.Mode, beside string) *histories {
	other, err := billing.ModeNamed(beside)
	if err != nil { // no mode runs beside it
		return newHistories(mode)
	}
	return newHistories(mode, other)
}

// allowed returns the words that may be true of an invoice with these options. Servers may come as
// late as they like, or at the same moment, and a fault need not happen, so the expectations of
// those cases count, too. ok is false if one of them is missing: then the mode promises nothing.
func (o Options) allowed() (may verdict.Words, ok bool) {
	if o.late() {
		return faults.Allowed(o.Mode, faults.Late)
	}
	met := []faults.Fault{faults.None, faults.Late}
	for _, row := range faults.All() {
		switch {
		case o.Only != nil && !slices.Contains(o.Only, row.Fault):
		case o.Only == nil && (o.Faults == 0 || row.Beside != "" || row.Webhooks ||
			forgets(row.Fault)):
		case o.Only == nil || Need(row.Fault) <= o.Faults:
			met = append(met, row.Fault)
		}
	}
	return faults.Allowed(o.Mode, met...)
}

// Broken returns the first schedule on which something goes wrong that the expectations of the mode
// rule out; false if there is none.
func (o Options) Broken(found []Schedule) (Schedule, bool) {
	may, ok := o.allowed()
	for _, s := range found {
		for _, word := range s.words() {
			if ok && !may.Has(verdict.Word(word)) {
				return s, true
			}
		}
	}
	return Schedule{}, false
}

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

// Judge says whether what was found is what the mode promises with these options.
func (o Options) Judge(r Result) string {
	s, broken := o.Broken(r.Shortest)
	_, promised := o.allowed()
	switch {
	case broken:
		return fmt.Sprintf("NOT AS EXPECTED: %s must never be %s here.", o.Mode.Name, s.Wrong)
	case promised && len(r.Shortest) > 0:
		return fmt.Sprintf("As expected: %s does not survive that.", o.Mode.Name)
	case len(r.Shortest) > 0:
		return faults.NoExpectation(o.Mode.Name)
	}
	return "Never two charges, never an entry without a charge; in the end, one of each."
}
