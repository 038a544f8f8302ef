//go:build !searches

package explore

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"

	"golang.org/x/sync/errgroup"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/services"
)

// mutant is a small change to a mode, to the claim protocol in memory, or to its SQL.
type mutant struct {
	what     string
	file     string // in the module
	old, new string // old occurs in it once
}

// catcher is a set of tests that may notice: those that match the first pattern, then the next.
type catcher struct {
	name string
	tests
	runs []string
}

// tests are what is compiled once, with all mutants in it.
type tests struct {
	pkg  string
	tags string // "searches" builds only the tests of the search, which find most mutants
}

// catchers returns the catchers of a mutant, the quick ones first. The contract suites test the
// real ledger, too.
func (m mutant) catchers() []catcher {
	if strings.HasPrefix(m.file, "ledger/") {
		return []catcher{{"a contract suite", tests{"./ledger", ""},
			[]string{"^Test(Claims|Fence|Ledger|TakeLeavesNoClaim.*)$"}}}
	}
	search := tests{"./internal/explore", "searches"}
	const quick, long = "Promises|Beside", "Agree" // which goes on with its parallel cells
	var own []string
	for _, mode := range billing.Modes() {
		if m.file == "billing/"+strings.ReplaceAll(mode.Name, "-", "")+".go" ||
			strings.Contains(m.old, fmt.Sprintf("%q", mode.Name)) {
			// A tenth of it, the cells of the mutant's mode, may do.
			cells := "/^" + mode.Name + "( |_|$)"
			own = append([]string{"(" + quick + ")" + cells, long + cells}, own...)
		}
	}
	return []catcher{
		{"the explorer", search, own},
		{"the suites' ports", tests{"./internal/explore", ""},
			[]string{"TheWorldAnswers|LocksBehave"}},
		{"the calls in their order", tests{"./billing", ""}, []string{"^TestExactlyOnce"}},
		{"the explorer", search, []string{quick, long, "Protects|TheShortest"}}, // half a minute
	}
}

// Some test notices each of many small mistakes. That shows what the tests are worth. All are
// compiled into the same tests, and $MUTANT chooses one: without any, the tests pass.
func TestEveryMutantIsCaught(t *testing.T) {
	t.Parallel()
	if os.Getenv("MUTANTS") == "" {
		t.Skip("it tries each for a second, for minutes: set MUTANTS=1, as .ci/run does")
	}
	svc, err := services.Start(t.Context(), services.Options{SkipRedis: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = svc.Close() })
	all := mutants()
	overlay := overlaid(t, all)
	built := map[tests]string{}
	for _, m := range []mutant{{file: "ledger/"}, {file: "billing/"}} { // all tests, all cells
		for _, c := range m.catchers() {
			if built[c.tests] == "" {
				built[c.tests] = c.built(t, overlay)
			}
			if caught, err := c.catches(t.Context(), built[c.tests], svc, 0); caught || err != nil {
				t.Fatalf("%s fails without a mutant: %v", c.name, err)
			}
		}
	}
	caught := make([]string, len(all))
	var group errgroup.Group
	group.SetLimit(2 * runtime.GOMAXPROCS(0)) // the contract suites mostly wait
	for i, m := range all {
		group.Go(func() error {
			for _, c := range m.catchers() {
				if is, err := c.catches(t.Context(), built[c.tests], svc, i+1); err != nil {
					t.Errorf("%s: %s: %v", m.file, m.what, err)
				} else if is {
					caught[i] = c.name
					break
				}
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
	overlaid(t, mutants())
}

// built compiles the tests with all mutants in them, and returns the program's path.
func (c tests) built(t *testing.T, overlay string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "tests")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-overlay", overlay,
		"-tags", c.tags, "-o", program, c.pkg)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", c.pkg, err, out)
	}
	return program
}

// catches reports whether one of the catcher's tests fails with the mutant of this number. They
// need a Postgres; to start one for each takes as long as its tests.
func (c catcher) catches(
	ctx context.Context, program string, svc *services.Services, number int,
) (bool, error) {
	for _, run := range c.runs {
		cmd := exec.CommandContext(ctx, program, "-test.run", run, "-test.v=test2json",
			"-test.parallel=1") // other mutants run beside it
		cmd.Dir = filepath.Join(root, c.pkg)
		cmd.Env = append(os.Environ(), "MUTANT="+strconv.Itoa(number),
			"DATABASE_URL="+svc.DatabaseURL())
		if failed, err := untilOneFails(cmd); failed || err != nil {
			return failed, err
		}
	}
	return false, nil
}

// untilOneFails runs tests and ends them when one fails, as -failfast does not where subtests are
// parallel: all of them have begun. The output must be as test2json wants it, which has each
// failure at once.
func untilOneFails(tests *exec.Cmd) (failed bool, err error) {
	out, err := tests.StdoutPipe()
	if err != nil {
		return false, err
	}
	tests.Stderr = tests.Stdout
	if err := tests.Start(); err != nil {
		return false, err
	}
	var said strings.Builder
	for lines := bufio.NewReader(out); err == nil && !failed; {
		var line string
		line, err = lines.ReadString('\n')
		said.WriteString(line)
		failed = strings.Contains(line, "--- FAIL")
	}
	if failed {
		_ = tests.Process.Kill() // it may have ended
	}
	if err := tests.Wait(); err != nil && !failed {
		return false, fmt.Errorf("%w\n%s", err, said.String())
	}
	return failed, nil
}
