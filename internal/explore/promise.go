package explore

import (
	"slices"

	"example.com/triplecharge/internal/verdicts"
)

// allowed returns what may go wrong with these options, in the words of package verdicts, since the
// mode doesn't promise otherwise: the rest, it promises. Servers may come as late as they like, or
// at the same moment, and a fault need not happen, so the verdicts of those count, too.
func (o Options) allowed() map[string]bool {
	if o.late() {
		return verdicts.Allowed(o.Mode.Name, verdicts.Late)
	}
	faults := []verdicts.Fault{verdicts.None, verdicts.Late}
	switch {
	case o.Only != nil:
		for _, f := range o.Only {
			if Need(f) <= o.Faults {
				faults = append(faults, f)
			}
		}
	case o.Faults > 0:
		faults = slices.DeleteFunc(verdicts.Faults(), func(f verdicts.Fault) bool {
			return f == verdicts.MixedModes
		})
	}
	return verdicts.Allowed(o.Mode.Name, faults...)
}

// Broken returns the first schedule on which something is wrong that the mode promises not to let
// happen; false if there is none.
func (o Options) Broken(found []Schedule) (Schedule, bool) {
	may := o.allowed()
	for _, s := range found {
		for _, word := range s.words() {
			if !may[word] {
				return s, true
			}
		}
	}
	return Schedule{}, false
}
