package main

import (
	"strings"
	"testing"
)

func TestAPasswordThatWasGivenIsNotPrinted(t *testing.T) {
	t.Parallel()
	for address, given := range map[string]string{
		"postgres://me:hunter2@h:1/d?search_path=s":                  "postgres://me@h:1/d",
		"postgres://me:hunter2@h:1/d?password=hunter2&search_path=s": "postgres://h:1/d",
		"redis://:hunter2@h:6379/0":                                  "redis://:hunter2@h",
		"postgres://me@h:1/d?sslmode=disable&pass%77ord=hunter2":     "postgres://me@h:1/d",
	} {
		if got := printable(address, given); strings.Contains(got, "hunter2") {
			t.Errorf("%s is printed", got)
		}
		if got := printable(address, ""); got != address {
			t.Errorf("got %s, want all of what is our own", got)
		}
	}
}
