package main

import (
	"regexp"
	"testing"
)

func TestEveryCounterexampleCanBeWatched(t *testing.T) {
	t.Parallel()
	all, err := recordings()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, r := range all {
		if !regexp.MustCompile(`^[a-z0-9-]+$`).MatchString(r.Name) || seen[r.Name] {
			t.Errorf("%q is no address, or twice", r.Name)
		}
		seen[r.Name] = true
		if len(r.Events) == 0 || len(r.Servers) == 0 || r.Title == "" {
			t.Errorf("%s has nothing to show", r.Name)
		}
	}
	if len(all) == 0 {
		t.Error("there are none")
	}
}
