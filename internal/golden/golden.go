// Package golden compares what tests print with files that hold what was printed before.
package golden

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"example.com/triplecharge/internal/screen"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Check compares got with a file of the test's folder testdata. With -update it writes the file.
func Check(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant, as %s has it (go test -update writes it)\n%s", got, path, want)
	}
}

// Widths compares what is printed on terminals of 80, 100 and 120 columns with NAME.80.txt and so
// on, and wants no longer lines.
func Widths(t *testing.T, name string, print func(io.Writer)) {
	t.Helper()
	for _, columns := range []int{80, 100, 120} {
		var got strings.Builder
		print(screen.New(&got, columns))
		Check(t, fmt.Sprintf("%s.%d.txt", name, columns), got.String())
		Fits(t, got.String(), columns)
	}
}

// Fits wants no line of the text to be longer, unless it is one word, such as an address.
func Fits(t *testing.T, text string, columns int) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \n")
		n := ansi.StringWidth(line)
		if n > columns && strings.Contains(strings.TrimSpace(line), " ") {
			t.Errorf("a line has %d columns, more than %d: %q", n, columns, line)
		}
	}
}
