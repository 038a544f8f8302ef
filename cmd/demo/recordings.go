package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/explore"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/site/player"
	"example.com/triplecharge/internal/web"
)

// recordings returns the counterexamples that the explorer has found, mode by mode.
func recordings() ([]web.Recording, error) {
	known := explore.Counterexamples()
	var told []web.Recording
	for _, m := range billing.Modes() {
		for _, name := range slices.Sorted(maps.Keys(known)) {
			if !strings.HasPrefix(name, m.Name+"/") {
				continue
			}
			one, err := recording(name, known[name])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			told = append(told, one)
		}
	}
	return told, nil
}

// recording tells the schedule of a name such as locked/pause/overcharged.
func recording(name string, schedule explore.Schedule) (r web.Recording, err error) {
	story, err := explore.Narrate(schedule)
	if err != nil {
		return r, err
	}
	parts := strings.Split(name, "/")
	mode, fault := parts[0], parts[1]
	if fault == "any" {
		fault = "any fault"
	}
	r = web.Recording{Group: mode, Run: player.Told(story)}
	r.Name = strings.ReplaceAll(name, "/", "-")
	r.Title = faults.Under(mode, faults.Fault(fault)) + ": " + story.Wrong
	r.About = "Found by searching every interleaving. In the terminal: " +
		"demo explore --replay " + name
	return r, nil
}
