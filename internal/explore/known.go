package explore

import (
	_ "embed" // for the schedules
	"strings"
)

//go:embed testdata/schedules.txt
var schedules string

// Known returns the schedules that were found to break a mode, by their names, which are
// <mode>/<fault>/<what is wrong>. The fault called any is any one, anywhere.
func Known() map[string]Schedule {
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
