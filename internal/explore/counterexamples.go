package explore

import (
	_ "embed" // for the schedules
	"strings"
)

//go:embed testdata/schedules.txt
var schedules string

// Counterexamples returns the known schedules that break a mode, by name:
// <mode>/<fault>/<what is wrong>. The fault "any" is any one fault at any point.
func Counterexamples() map[string]Schedule {
	known := map[string]Schedule{}
	for line := range strings.Lines(schedules) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		if s, err := ParseSchedule(text); err == nil { // a test holds that it is nil
			s.Wrong = name[strings.LastIndex(name, "/")+1:]
			known[name] = s
		}
	}
	return known
}
