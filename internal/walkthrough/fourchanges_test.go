package walkthrough_test

import (
	"path"
	"strings"
	"testing"

	"example.com/triplecharge/internal/walkthrough"
)

// mostFiles is how many code files each of the four changes may touch, by folder: DESIGN's measure
// of whether an idea lives in one place.
func mostFiles() map[string]map[string]int {
	return map[string]map[string]int{
		"A mode": {"billing": 2},
		"A fault": {
			"internal/faults": 1, "internal/scenario": 1, "internal/explore": 1,
		},
		"An endpoint of the simulator": {"internal/stripesim": 3},
		"A column of a charge in the ledger": {
			"ledger/migrations": 1, "ledger": 1, "billing": 1, "billing/stripecharge": 1,
		},
	}
}

// The tests of all pages apply the changes and run the page's commands.
func TestTheFourChangesTouchFewFiles(t *testing.T) {
	t.Parallel()
	left := mostFiles()
	var section string
	for _, b := range read(t, "docs/changing-the-code.md").Blocks {
		if heading, ok := strings.CutPrefix(b.Text, "## "); ok && b.Kind == walkthrough.Paragraph {
			section = heading
			if left[section] == nil {
				t.Errorf("%d: DESIGN has no change %q", b.Line, section)
			}
		}
		file, ok := strings.CutPrefix(b.Info, "diff ")
		if !ok || strings.HasSuffix(file, "_test.go") || path.Ext(file) == ".md" {
			continue
		}
		folder := path.Dir(file)
		if left[section][folder]--; left[section][folder] < 0 {
			t.Errorf("%d: %q touches more files of %s than DESIGN allows",
				b.Line, section, folder)
		}
	}
	for section, most := range mostFiles() {
		for folder, n := range most {
			if left[section][folder] == n {
				t.Errorf("%q touches no file of %s", section, folder)
			}
		}
	}
}
