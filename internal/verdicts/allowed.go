package verdicts

import "strings"

// Allowed returns what may become wrong with an invoice in the end, in the words of Judge, when
// these faults meet the mode: what some verdict of theirs says. What is not among them, the mode
// promises not to do. Unbilled and unrecorded count in the end, after quiet runs; overcharged at
// any time. Recorded but not at Stripe is never allowed.
func Allowed(mode string, faults ...Fault) map[string]bool {
	may := map[string]bool{}
	for _, f := range faults {
		v, _ := Expected(mode, f, threeServers)
		if !v.Applies {
			continue
		}
		most := Counts{max(v.After.Charges, v.Recovered.Charges), v.Recovered.Entries}
		for word := range strings.SplitSeq(Judge(most), wordsSeparator) {
			if word != Right {
				may[word] = true
			}
		}
	}
	return may
}
