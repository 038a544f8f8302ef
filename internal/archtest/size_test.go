package archtest_test

import (
	"go/ast"
	"strings"
	"testing"
	"unicode/utf8"
)

// What fits a screen is read as a whole.
const (
	maxFile     = 350
	maxFunction = 70
	maxColumns  = 100 // of runes, a tab counting as tabColumns
	tabColumns  = 4
)

func TestFilesFunctionsAndLinesAreShort(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if n := len(s.lines); n > maxFile {
			t.Errorf("%s has %d lines: split it, %d is the most", s.path, n, maxFile)
		}
		tagged := make(map[int]bool) // lines with the tag of a field, which can't be broken
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if lines := s.line(n.End()) - s.line(n.Pos()) + 1; lines > maxFunction {
					t.Errorf("%s: %s has %d lines: split it, %d is the most",
						s.at(n), n.Name, lines, maxFunction)
				}
			case *ast.Field:
				if n.Tag != nil {
					tagged[s.line(n.Tag.Pos())] = true
				}
			}
			return true
		})
		for i, line := range s.lines {
			columns := utf8.RuneCountInString(line) + strings.Count(line, "\t")*(tabColumns-1)
			if columns > maxColumns && !tagged[i+1] {
				t.Errorf("%s:%d has %d columns: break it, %d is the most",
					s.path, i+1, columns, maxColumns)
			}
		}
	}
}
