package report_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"example.com/triplecharge/internal/faults"
)

// docs/matrix.md shows what the command prints when every cell is as expected. This test fails if
// the page goes stale.
func TestTheDocsHaveTheWholeMatrix(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/matrix.md")
	if err != nil {
		t.Fatal(err)
	}
	var table, about, changed strings.Builder
	if err := errors.Join(played(nil).Markdown(&table), told().Markdown(&changed)); err != nil {
		t.Fatal(err)
	}
	about.WriteString("| fault | what happens |\n|---|---|\n")
	for _, row := range faults.Rows() {
		fmt.Fprintf(&about, "| `%s` | %s |\n", row.Fault, row.Text)
	}
	for _, want := range []string{table.String(), about.String(), changed.String()} {
		if !strings.Contains(string(doc), "\n\n"+want+"\n") {
			t.Errorf("docs/matrix.md lacks\n%s", want)
		}
	}
}
