package stripesim_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.com/triplecharge/internal/stripesim"
)

// TestTheReadmeNamesTestsThatExist keeps the README's table honest in both directions: every test
// it names is there, and every term of the contract is in it.
func TestTheReadmeNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(readme), "| what | known | held by |")
	table, _, _ = strings.Cut(table, "\n\n")
	tests := testFunctions(t)
	terms := make(map[string]bool)
	for _, c := range contract() {
		terms[c.name] = true
	}
	named := make(map[string]bool)
	for _, match := range regexp.MustCompile("`(contract: [^`]*|Test\\w+|Fuzz\\w+)`").
		FindAllStringSubmatch(table, -1) {
		name := match[1]
		term, isTerm := strings.CutPrefix(name, "contract: ")
		switch {
		case isTerm && !terms[term]:
			t.Errorf("the contract has no term %q", term)
		case !isTerm && !tests[name]:
			t.Errorf("there is no test %s", name)
		}
		named[term] = true
	}
	for _, c := range contract() {
		if !named[c.name] {
			t.Errorf("the table does not name the term %q", c.name)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(table), "\n")[1:] {
		if cells := strings.Split(line, "|"); len(cells) != 5 ||
			strings.TrimSpace(cells[3]) == "" && !strings.Contains(line, "**") {
			t.Errorf("nothing holds this line: %s", line)
		}
	}
}

func TestTheReadmesTableOfEndpointsIsCurrent(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "\n\n"+stripesim.Endpoints()+"\n") {
		t.Errorf("README.md lacks this table, which stripesim --endpoints prints:\n%s",
			stripesim.Endpoints())
	}
}

// TestEachLineHasItsMark: what is claimed of Stripe says how it is known.
func TestEachLineHasItsMark(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(readme), "| what | known | held by |\n|---|---|---|\n")
	stripes, _, ours := strings.Cut(table, "| **Beyond Stripe** |")
	if !ours {
		t.Fatal("the table does not end with what is beyond Stripe")
	}
	marks := regexp.MustCompile(`^ [RDS?](, [RDS?])* $`)
	for line := range strings.Lines(stripes) {
		if strings.HasPrefix(line, "| **") {
			continue
		}
		if cells := strings.Split(line, "|"); len(cells) != 5 || !marks.MatchString(cells[2]) {
			t.Errorf("this line is not marked R, D, S or ?: %s", line)
		}
	}
}

// testFunctions are the names of the tests of this package.
func testFunctions(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]bool)
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range function.FindAllStringSubmatch(string(source), -1) {
			found[match[1]] = true
		}
	}
	return found
}
