package explore

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"text/tabwriter"

	"golang.org/x/sync/errgroup"
)

// mutant is a small change to a mode, to the claim protocol in memory, or to its SQL.
type mutant struct {
	what     string
	file     string // in the module
	old, new string // old stands in it once
}

// catcher is a set of tests that may notice.
type catcher struct {
	name, pkg, run string
}

// Who looks at a mutant, in this order. The contract suites look at the real ledger, too.
func catchers() []catcher {
	return []catcher{
		{"the explorer", "./internal/explore", "Agree|Promises|Protects|Beside"},
		{"the suites' ports", "./internal/explore", "TheWorldAnswers"},
		{"a contract suite", "./ledger", "^(TestClaims|TestFence|TestLedger)$"},
	}
}

// For each of many small mistakes, something notices: that is what all of this is worth.
func TestEveryMutantIsCaught(t *testing.T) {
	t.Parallel()
	if os.Getenv("MUTANTS") == "" {
		t.Skip("it compiles the modes for each, for minutes: set MUTANTS=1, as .ci/run does")
	}
	all := mutants()
	caught := make([]string, len(all))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, m := range all {
		group.Go(func() (err error) {
			if caught[i], err = m.caughtBy(t.Context(), t.TempDir()); err != nil {
				t.Error(err)
			}
			return nil
		})
	}
	_ = group.Wait()
	var list strings.Builder
	columns := tabwriter.NewWriter(&list, 0, 0, 2, ' ', 0)
	for i, m := range all {
		fmt.Fprintf(columns, "%s\t%s\t%s\n", m.file, m.what, caught[i])
		if caught[i] == "" {
			t.Errorf("nobody has noticed: %s: %s", m.file, m.what)
		}
	}
	_ = columns.Flush()
	t.Logf("%d mutants:\n%s", len(all), list.String())
}

// The table is only as good as it fits the code, and that test is run seldom.
func TestMutantsFitTheCode(t *testing.T) {
	t.Parallel()
	for _, m := range mutants() {
		if _, _, err := m.mutated(); err != nil {
			t.Errorf("%s: %v", m.what, err)
		}
	}
}

const root = "../.."

// mutated returns the absolute path of the mutant's file, and what would stand in it.
func (m mutant) mutated() (path, source string, err error) {
	if path, err = filepath.Abs(filepath.Join(root, m.file)); err != nil {
		return "", "", err
	}
	now, err := os.ReadFile(path)
	if err != nil {
		return "", "", err
	}
	if n := strings.Count(string(now), m.old); n != 1 {
		return "", "", fmt.Errorf("%s has %d times what is to be changed: %s", m.file, n, m.old)
	}
	return path, strings.Replace(string(now), m.old, m.new, 1), nil
}

// caughtBy returns who notices the mutant, "" if nobody does.
func (m mutant) caughtBy(ctx context.Context, dir string) (string, error) {
	path, mutated, err := m.mutated()
	if err != nil {
		return "", err
	}
	changed := filepath.Join(dir, filepath.Base(path))
	overlay := filepath.Join(dir, "overlay.json")
	mapping, err := json.Marshal(map[string]any{"Replace": map[string]string{path: changed}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(changed, []byte(mutated), 0o600); err != nil {
		return "", err
	}
	if err := os.WriteFile(overlay, mapping, 0o600); err != nil {
		return "", err
	}
	for _, c := range catchers() {
		if strings.HasPrefix(m.file, "ledger/") != (c.pkg == "./ledger") {
			continue // it can't see it
		}
		cmd := exec.CommandContext(ctx, "go", "test", "-vet=off", "-count=1", "-overlay", overlay,
			"-run", c.run, c.pkg)
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		switch {
		case err == nil:
		case strings.Contains(string(out), "--- FAIL"):
			return c.name, nil
		default:
			return "", fmt.Errorf("%s: %s: %w\n%s", m.file, m.what, err, out)
		}
	}
	return "", nil
}
