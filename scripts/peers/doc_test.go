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
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range peers() {
		version := required(mod, p.Module)
		if p.Module != "" && version == "" {
			t.Errorf("go.mod requires no %s", p.Module)
		}
		head := strings.TrimSpace(p.Name + " " + version)
		if !strings.Contains(doc, " "+head+" |") {
			t.Errorf("the table's head in docs/peers.md does not say %q", head)
		}
		row := "| " + p.Name + " | " + p.Module + " " + version + " |"
		if p.Module != "" && !strings.Contains(doc, row) {
			t.Errorf("docs/peers.md does not say that %s is %s %s", p.Name, p.Module, version)
		}
	}
	for _, f := range faults.Faults() {
		want := " | " + expected("locked", f) + " | " + expected("exactly-once", f) + " |\n"
		if !hasRow(doc, string(f), want) {
			t.Errorf("the row %s of docs/peers.md does not end in %q", f, want)
		}
	}
}

// required returns the version of a module in go.mod, "" if it is not there.
func required(mod []byte, module string) string {
	for line := range strings.Lines(string(mod)) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == module {
			return fields[1]
		}
	}
	return ""
}

// expected returns the cell of one of our modes.
func expected(mode string, f faults.Fault) string {
	e, err := faults.Expected(mode, f, 3)
	if err != nil || !e.Applies {
		return faults.NotApplicable
	}
	return faults.Short(e.After, e.Recovered)
}

func hasRow(doc, fault, end string) bool {
	for line := range strings.Lines(doc) {
		if strings.HasPrefix(line, "| "+fault+" | ") && strings.HasSuffix(line, end) {
			return true
		}
	}
	return false
}
