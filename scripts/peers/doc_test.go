package main

import (
	"os"
	"strings"
	"testing"

	"example.com/triplecharge/internal/faults"
)

// docs/peers.md has the versions of the peers, and the expected cells of our modes.
func TestTheDocsHaveTheVersionsThatGoModRequires(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/peers.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(text)
	for _, p := range peers() {
		if p.module != "" && p.version() == "" {
			t.Errorf("go.mod requires no %s", p.module)
		}
		head := strings.TrimSpace(p.name + " " + p.version())
		if !strings.Contains(doc, " "+head+" |") {
			t.Errorf("the table's head in docs/peers.md does not say %q", head)
		}
		row := "| " + p.name + " | " + p.module + " " + p.version() + " |"
		if p.module != "" && !strings.Contains(doc, row) {
			t.Errorf("docs/peers.md does not say that %s is %s %s", p.name, p.module, p.version())
		}
	}
	for _, f := range faults.Faults() {
		want := " | " + expected("locked", f) + " | " + expected("exactly-once", f) + " |\n"
		if !hasRow(doc, string(f), want) {
			t.Errorf("the row %s of docs/peers.md does not end in %q", f, want)
		}
	}
}

func hasRow(doc, fault, end string) bool {
	for line := range strings.Lines(doc) {
		if strings.HasPrefix(line, "| "+fault+" | ") && strings.HasSuffix(line, end) {
			return true
		}
	}
	return false
}
