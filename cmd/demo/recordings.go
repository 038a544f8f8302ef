package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/explore"
	"example.com/triplecharge/internal/web"
)

// recordings are the counterexamples that the explorer has found, mode by mode.
func recordings() ([]web.Recording, error) {
	known := explore.Known()
	place := map[string]int{}
	for i, m := range billing.Modes() {
		place[m.Name] = i
	}
	names := slices.SortedFunc(maps.Keys(known), func(a, b string) int {
		modeA, _, _ := strings.Cut(a, "/")
		modeB, _, _ := strings.Cut(b, "/")
		return cmp.Or(place[modeA]-place[modeB], strings.Compare(a, b))
	})
	var told []web.Recording
	for _, name := range names {
		story, err := explore.Tell(known[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		parts := strings.SplitN(name, "/", 3)
		fault := parts[1]
		if fault == "any" {
			fault = "any fault"
		}
		told = append(told, web.Recording{
			Name: strings.ReplaceAll(name, "/", "-"), Group: parts[0],
			Title: fmt.Sprintf("%s under %s: %s", parts[0], fault, story.Wrong),
			About: "Found by going through every interleaving. In the terminal: " +
				"demo explore --replay " + name,
			Verdict: fmt.Sprintf("%s: %s.", story.Counts, story.Wrong),
			Servers: story.Servers, Invoice: "alice/2026-12", Events: story.Events(),
		})
	}
	return told, nil
}
