package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"example.com/triplecharge/internal/verdicts"
)

// What docs/matrix.md shows is what the command prints when every cell is as expected, so that it
// can't go stale without a test that fails.
func TestTheDocsHaveTheWholeMatrix(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/matrix.md")
	if err != nil {
		t.Fatal(err)
	}
	ids, cells := played(t, matrix{})
	var table, faults strings.Builder
	if err := cells.markdown(&table, ids); err != nil {
		t.Fatal(err)
	}
	faults.WriteString("| fault | what happens |\n|---|---|\n")
	for _, f := range verdicts.Faults() {
		fmt.Fprintf(&faults, "| `%s` | %s |\n", f, verdicts.About(f))
	}
	for _, want := range []string{table.String(), faults.String()} {
		if !strings.Contains(string(doc), "\n\n"+want+"\n") {
			t.Errorf("docs/matrix.md lacks\n%s", want)
		}
	}
}
