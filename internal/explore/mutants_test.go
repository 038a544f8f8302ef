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

	"example.com/triplecharge/billing"
)

// mutant is a small change to a mode, to the claim protocol in memory, or to its SQL.
type mutant struct {
	what     string
	file     string // in the module
	old, new string // old occurs in it once
}

// catcher is a set of tests that may notice: those that match the first pattern, then the next.
type catcher struct {
	name, pkg string
	runs      []string
	tags      string // "searches" builds only the tests of the search, which find most mutants
}

// catchers returns the catchers of a mutant, in this order. The contract suites test the real
// ledger, too.
func (m mutant) catchers() []catcher {
	if strings.HasPrefix(m.file, "ledger/") {
		return []catcher{{"a contract suite", "./ledger",
			[]string{"^Test(Claims|Fence|Ledger|TakeLeavesNoClaim.*)$"}, ""}}
	}
	const search = "Agree|Promises|Beside"
	runs := []string{search, "Protects|TheShortest"}
	for _, mode := range billing.Modes() {
		if m.file == "billing/"+strings.ReplaceAll(mode.Name, "-", "")+".go" {
			// A tenth of it, the cells of the mutant's mode, may do.
			runs = append([]string{"(" + search + ")/^" + mode.Name + "( |_|$)"}, runs...)
		}
	}
	return []catcher{
		{"the explorer", "./internal/explore", runs, "searches"},
		{"the suites' ports", "./internal/explore", []string{"TheWorldAnswers|LocksBehave"}, ""},
		{"the calls in their order", "./billing", []string{"^TestExactlyOnce"}, ""},
	}
}

// Some test notices each of many small mistakes. That shows what the tests are worth.
func TestEveryMutantIsCaught(t *testing.T) {
	t.Parallel()
	if os.Getenv("MUTANTS") == "" {
		t.Skip("it compiles the modes for each, for minutes: set MUTANTS=1, as .ci/run does")
	}
	all := mutants()
	caught := make([]string, len(all))
	var group errgroup.Group
	group.SetLimit(2 * runtime.GOMAXPROCS(0)) // the contract suites mostly wait
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

// The mutants must fit the code, and the test that runs them is rarely run.
func TestMutantsFitTheCode(t *testing.T) {
	t.Parallel()
	for _, m := range mutants() {
		if _, _, err := m.mutated(); err != nil {
			t.Errorf("%s: %v", m.what, err)
		}
	}
}

const root = "../.."

// mutated returns the absolute path of the mutant's file, and its content with the change.
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

// caughtBy returns the catcher that notices the mutant, "" if none does.
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
	for _, c := range m.catchers() {
		tests := filepath.Join(dir, filepath.Base(c.pkg))
		build := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-overlay", overlay,
			"-ldflags=-s -w", "-tags", c.tags, "-o", tests, c.pkg)
		build.Dir = root
		if out, err := build.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %s: %w\n%s", m.file, m.what, err, out)
		}
		for _, run := range c.runs {
			cmd := exec.CommandContext(ctx, tests, "-test.failfast", "-test.run", run,
				"-test.parallel=1") // other mutants run beside it
			cmd.Dir = filepath.Join(root, c.pkg)
			out, err := cmd.CombinedOutput()
			switch {
			case err == nil:
			case strings.Contains(string(out), "--- FAIL"):
				return c.name, nil
			default:
				return "", fmt.Errorf("%s: %s: %w\n%s", m.file, m.what, err, out)
			}
		}
	}
	return "", nil
}
