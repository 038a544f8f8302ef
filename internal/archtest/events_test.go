package archtest_test

import (
	"go/ast"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/triplecharge/internal/event"
)

// An event that is named by its text is one that the compiler can't check. The simulator's events
// are Stripe's own, two of which have names that are also ours.
func TestEventsAreNamedByTheirConstants(t *testing.T) {
	t.Parallel()
	constants := 0
	for _, s := range sources(t) {
		if strings.HasPrefix(s.path, "internal/stripesim/") {
			continue
		}
		table := s.path == "internal/event/kinds.go"
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				if kind, ok := n.Type.(*ast.Ident); table && ok && kind.Name == "Kind" {
					constants++
				}
			case *ast.BasicLit:
				text, err := strconv.Unquote(n.Value)
				if err == nil && !table && slices.Contains(event.Kinds(), event.Kind(text)) {
					t.Errorf("%s names the event %s: use its constant", s.at(n), text)
				}
			}
			return true
		})
	}
	if rows := len(event.Kinds()); constants != rows {
		t.Errorf("internal/event has %d constants, and rows for %d kinds", constants, rows)
	}
}
